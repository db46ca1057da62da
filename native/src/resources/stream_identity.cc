#include "resources/stream_identity.h"

#include <map>
#include <mutex>

namespace rollpoint::resources {

namespace {

// Several supervisors may live in one process.
std::mutex mutex;

std::map<ObjectKey, std::weak_ptr<StreamIdentity>>& known() {
  static std::map<ObjectKey, std::weak_ptr<StreamIdentity>> map;
  return map;
}

void forget(const SharedIdentity& identity) {
  if (auto it = known().find(identity->now); it != known().end() && it->second.lock() == identity) known().erase(it);
}

}  // namespace

SharedIdentity identity_of(ObjectKey key) {
  std::lock_guard lock(mutex);
  static size_t limit = 1024;
  if (known().size() > limit) {
    std::erase_if(known(), [](auto& entry) { return entry.second.expired(); });
    limit = 1024 + 2 * known().size();
  }
  auto& entry = known()[key];
  auto identity = entry.lock();
  if (!identity) entry = identity = std::make_shared<StreamIdentity>(StreamIdentity{.now = key});
  return identity;
}

void rebind(const SharedIdentity& identity, ObjectKey key) {
  std::lock_guard lock(mutex);
  forget(identity);
  identity->now = key;
  known()[key] = identity;
}

void unbind(const SharedIdentity& identity) {
  std::lock_guard lock(mutex);
  forget(identity);
  identity->now = {};
}

}  // namespace rollpoint::resources
