#include "resources/message_queues.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "util/error.h"

namespace rollpoint::resources {

using util::UniqueFd;

namespace {

// A description of our own: the program's may be write-only or block.
UniqueFd open_again(const Descriptor& descriptor) {
  return UniqueFd(open(("/proc/self/fd/" + std::to_string(descriptor.held->fd.get())).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
}

std::vector<std::pair<unsigned, std::string>> take_all(int queue, const mq_attr& attributes) {
  std::vector<std::pair<unsigned, std::string>> messages;
  std::string text(static_cast<size_t>(attributes.mq_msgsize), '\0');
  const timespec past{0, 0};
  for (;;) {
    unsigned priority = 0;
    const long length = syscall(SYS_mq_timedreceive, queue, text.data(), text.size(), &priority, &past);
    if (length < 0) return messages;
    messages.emplace_back(priority, text.substr(0, static_cast<size_t>(length)));
  }
}

bool send_all(int queue, const std::vector<std::pair<unsigned, std::string>>& messages) {
  const timespec past{0, 0};
  bool sent = true;
  for (auto& [priority, text] : messages) sent = syscall(SYS_mq_timedsend, queue, text.data(), text.size(), priority, &past) == 0 && sent;
  return sent;
}

bool has_name(const Descriptor& descriptor) {
  struct stat info {};
  return fstat(descriptor.held->fd.get(), &info) < 0 || info.st_nlink > 0;
}

MessageQueue look(const Descriptor& descriptor) {
  MessageQueue result;
  char status[128] = {};
  result.named = has_name(descriptor);
  const auto queue = open_again(descriptor);
  mq_attr attributes{};
  if (!queue || syscall(SYS_mq_getsetattr, queue.get(), nullptr, &attributes) < 0) {
    result.known = false;
    return result;
  }
  // QSIZE:… NOTIFY:… SIGNO:… NOTIFY_PID:… (mq_overview(7))
  if (pread(queue.get(), status, sizeof status - 1, 0) > 0)
    if (const char* who = strstr(status, "NOTIFY_PID:")) result.notifies = atoi(who + strlen("NOTIFY_PID:")) != 0;
  if (attributes.mq_curmsgs == 0) return result;
  if (result.notifies) {
    // Sending into the emptied queue would notify.
    result.known = false;
    return result;
  }
  result.messages = take_all(queue.get(), attributes);
  result.known = send_all(queue.get(), result.messages);
  return result;
}

template <class Fn>
void for_each_queue(const DescriptorTable& descriptors, Fn fn) {
  std::map<std::pair<dev_t, ino_t>, bool> seen;
  for (auto& [number, descriptor] : descriptors) {
    if (descriptor.shares_with != number || descriptor.kind != DescriptorKind::kMessageQueue || !descriptor.held) continue;
    const std::pair key{descriptor.device, descriptor.inode};
    if (seen.emplace(key, true).second) fn(key, descriptor);
  }
}

util::Warning nameless(const Descriptor& descriptor) {
  return {"messageQueue", "The name of message queue " + descriptor.target + " was removed since the snapshot and does not come back; the queue itself does."};
}

}  // namespace

MessageQueues read_message_queues(const DescriptorTable& descriptors, util::Warnings& warnings) {
  MessageQueues queues;
  for_each_queue(descriptors, [&](auto key, const Descriptor& descriptor) {
    const auto& queue = queues.emplace(key, look(descriptor)).first->second;
    if (!queue.known) warnings.push_back({"messageQueue", "The messages in " + descriptor.target + " are not held: " + (queue.notifies ? "the program waits to be notified of the next one, and reading them would notify it." : "they cannot be read.")});
  });
  return queues;
}

util::Warnings foresee_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted) {
  util::Warnings left;
  if (wanted.empty()) return left;
  for_each_queue(descriptors, [&](auto key, const Descriptor& descriptor) {
    if (const auto it = wanted.find(key); it != wanted.end() && it->second.named && !has_name(descriptor)) left.push_back(nameless(descriptor));
  });
  return left;
}

util::Warnings restore_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted) {
  util::Warnings left;
  if (wanted.empty()) return left;
  for_each_queue(descriptors, [&](auto key, const Descriptor& descriptor) {
    const auto it = wanted.find(key);
    if (it == wanted.end()) return;
    const auto now = look(descriptor);
    if (it->second.known && (!now.known || now.messages != it->second.messages)) {
      const auto queue = open_again(descriptor);
      mq_attr attributes{};
      bool sent = queue && syscall(SYS_mq_getsetattr, queue.get(), nullptr, &attributes) == 0;
      if (sent) {
        take_all(queue.get(), attributes);
        sent = send_all(queue.get(), it->second.messages);
      }
      if (!sent) left.push_back({"messageQueue", "The messages in " + descriptor.target + " could not be put back."});
    }
    if (it->second.notifies != now.notifies) left.push_back({"messageQueue", "Whom " + descriptor.target + " notifies of a message has changed since the snapshot and stays so."});
    if (it->second.named && !now.named) left.push_back(nameless(descriptor));
  });
  return left;
}

std::vector<std::string> compare_message_queues(const DescriptorTable& descriptors, const MessageQueues& wanted) {
  std::vector<std::string> result;
  if (wanted.empty()) return result;
  for_each_queue(descriptors, [&](auto key, const Descriptor& descriptor) {
    if (const auto it = wanted.find(key); it != wanted.end() && it->second.known && look(descriptor).messages != it->second.messages)
      result.push_back("the messages in " + descriptor.target + " differ");
  });
  return result;
}

}  // namespace rollpoint::resources
