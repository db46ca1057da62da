// Which pipe or socket a descriptor is open on, across snapshots: an object that a rollback had to make anew is still the
// one that the snapshots mean. Knows only numbers.
#pragma once

#include <sys/types.h>

#include <memory>
#include <utility>

namespace rollpoint::resources {

using ObjectKey = std::pair<dev_t, ino_t>;

/// The inode that stands for the object now. One per object, whoever holds it: inode numbers of pipes and sockets are
/// the kernel's own, the same in every process.
struct StreamIdentity {
  ObjectKey now;
  bool holds_empty = false;  // of a socket: an empty datagram was seen in its queue, which no second look shows
};

using SharedIdentity = std::shared_ptr<StreamIdentity>;

/// The identity that stands at `key`, which is a new one where none does.
SharedIdentity identity_of(ObjectKey key);
/// From now on `identity` is what stands at `key`.
void rebind(const SharedIdentity& identity, ObjectKey key);
/// The object is beyond repair: nothing stands for it until `rebind`.
void unbind(const SharedIdentity& identity);

}  // namespace rollpoint::resources
