// What a socket has received and nobody has read: looked at, taken out, sent again. Knows nothing of whose it is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "resources/stream_identity.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

/// A descriptor under way in a message (SCM_RIGHTS).
struct Right {
  ObjectKey key{};          // what it is open on
  SharedIdentity identity;  // of a pipe or socket, which may have been made anew
  std::shared_ptr<util::UniqueFd> fd;  // ours; null where none may be kept
  off_t offset = -1;  // of a file
  std::optional<std::pair<size_t, int>> elsewhere;  // process and number of the tree that share its open file description
  bool operator==(const Right& other) const { return now() == other.now(); }
  ObjectKey now() const { return identity ? identity->now : key; }
};

struct Message {
  std::string bytes;
  std::string from;  // sockaddr of the sender, of datagrams
  std::vector<Right> rights;
  bool operator==(const Message&) const = default;
};

using Queue = std::vector<Message>;

/// The bytes of a stream are one message, but where descriptors come with some of them. Nothing where the queue cannot be
/// read without loss.
std::optional<Queue> peek_queue(int fd, bool stream);
void drain_queue(int fd, bool stream);
/// The whole message, or false; `to` is empty where the sender is connected. `rights` are of ours.
bool send_message(int fd, const Message& message, bool stream, const std::string& to, const std::vector<int>& rights = {});

}  // namespace rollpoint::resources
