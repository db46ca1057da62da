#include "resources/socket_queue.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace rollpoint::resources {

namespace {

constexpr size_t kLargest = 1 << 20;  // bytes of one datagram; the kernel's own limits are lower

void take_rights(msghdr& message, std::vector<Right>* rights) {
  for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number;
      memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
      util::UniqueFd fd(number);
      struct stat info {};
      if (!rights) continue;
      fstat(number, &info);
      rights->push_back({.key = {info.st_dev, info.st_ino}, .identity = nullptr, .fd = std::make_shared<util::UniqueFd>(std::move(fd)), .offset = -1, .elsewhere = std::nullopt});
    }
  }
}

// One message, or what a stream gives at once. Negative where there is none. `whole`: nothing was cut off or set aside.
ssize_t receive(int fd, int flags, char* buffer, size_t size, Message* to, bool& whole) {
  iovec io{buffer, size};
  sockaddr_storage address{};
  alignas(cmsghdr) char control[4096];
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) return n;
  if (to) to->rights.clear();
  take_rights(message, to ? &to->rights : nullptr);
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) whole = false;
  if (to) to->from.assign(reinterpret_cast<const char*>(&address), message.msg_namelen);
  return n;
}

// A read would take the error that waits there.
bool has_error(int fd) {
  pollfd state{fd, 0, 0};
  return poll(&state, 1, 0) > 0 && state.revents & POLLERR;
}

bool at_end(int fd) {
  pollfd state{fd, POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0 && state.revents & (POLLRDHUP | POLLHUP);
}

int unread(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCINQ, &bytes) == 0 ? bytes : 0;
}

// -1 where the program does not use it.
int peek_offset(int fd) {
  int offset = -1;
  socklen_t length = sizeof offset;
  return getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &length) == 0 ? offset : -1;
}

bool set_peek_offset(int fd, int offset) { return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset) == 0; }

// Descriptors come to a reader with the first byte that was sent with them: how many of these bytes, the last of which is
// of that message, are before it. A look tells of them however few bytes it asks for (unix_stream_read_generic); but it
// ends before a message that it cannot copy whole, and there is no room for the last byte.
size_t bytes_before_rights(int fd, size_t start, size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), room = (size - 1 + page - 1) / page * page;
  void* const memory = mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  char* const end = static_cast<char*>(memory) + room;
  ssize_t n = -1;
  if (mprotect(end, page, PROT_NONE) == 0 && set_peek_offset(fd, static_cast<int>(start))) {
    bool whole = true;
    n = receive(fd, MSG_PEEK, end - (size - 1), size, nullptr, whole);
  }
  munmap(memory, room + page);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

std::optional<Queue> peek_stream(int fd) {
  Queue queue;
  const auto size = static_cast<size_t>(unread(fd));
  if (size == 0) return queue;
  const int before = peek_offset(fd);
  if (before >= 0) set_peek_offset(fd, 0);
  std::string buffer(size, '\0');
  bool whole = true;
  for (size_t at = 0; at < size && whole;) {
    if (at) whole = set_peek_offset(fd, static_cast<int>(at));
    Message message;
    const ssize_t n = whole ? receive(fd, MSG_PEEK, buffer.data(), size - at, &message, whole) : 0;
    if (n <= 0) {
      whole = false;
      break;
    }
    message.from.clear();
    const auto got = static_cast<size_t>(n);
    const size_t plain = message.rights.empty() ? got : bytes_before_rights(fd, at, got);
    if (plain) queue.push_back({.bytes = buffer.substr(0, plain), .from = {}, .rights = {}});
    if (plain < got) {
      message.bytes = buffer.substr(plain, got - plain);
      queue.push_back(std::move(message));
    }
    at += got;
  }
  set_peek_offset(fd, before);
  if (!whole) return std::nullopt;
  return queue;
}

}  // namespace

std::optional<Queue> peek_queue(int fd, bool stream) {
  if (stream) return peek_stream(fd);
  if (has_error(fd)) return std::nullopt;
  Queue queue;
  const int before = peek_offset(fd);
  if (!set_peek_offset(fd, 0)) return std::nullopt;
  const auto buffer = std::make_unique_for_overwrite<char[]>(kLargest);
  bool whole = true;
  for (Message message; whole;) {
    const ssize_t n = receive(fd, MSG_PEEK, buffer.get(), kLargest, &message, whole);
    if (n < 0 || (n == 0 && at_end(fd))) break;
    message.bytes.assign(buffer.get(), static_cast<size_t>(n));
    queue.push_back(message);
  }
  set_peek_offset(fd, before);
  if (!whole) return std::nullopt;
  return queue;
}

void drain_queue(int fd, bool stream) {
  bool whole;
  if (stream) {
    std::string buffer(1 << 16, '\0');
    while (unread(fd) > 0 && receive(fd, 0, buffer.data(), buffer.size(), nullptr, whole) > 0) {
    }
    return;
  }
  char byte;
  for (pollfd state{fd, POLLIN, 0}; poll(&state, 1, 0) > 0 && state.revents & POLLIN;) {
    const ssize_t n = receive(fd, 0, &byte, 1, nullptr, whole);
    if (n < 0 || (n == 0 && at_end(fd))) return;
  }
}

bool send_message(int fd, const Message& message, bool stream, const std::string& to, const std::vector<int>& rights) {
  size_t at = 0;
  do {
    iovec io{const_cast<char*>(message.bytes.data()) + at, message.bytes.size() - at};
    alignas(cmsghdr) char control[4096] = {};
    msghdr header{};
    header.msg_name = to.empty() ? nullptr : const_cast<char*>(to.data());
    header.msg_namelen = static_cast<socklen_t>(to.size());
    header.msg_iov = &io;
    header.msg_iovlen = 1;
    if (at == 0 && !rights.empty()) {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(rights.size() * sizeof(int));
      auto* first = CMSG_FIRSTHDR(&header);
      first->cmsg_level = SOL_SOCKET;
      first->cmsg_type = SCM_RIGHTS;
      first->cmsg_len = CMSG_LEN(rights.size() * sizeof(int));
      memcpy(CMSG_DATA(first), rights.data(), rights.size() * sizeof(int));
    }
    const ssize_t n = sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return false;
    at += static_cast<size_t>(n);
  } while (stream && at < message.bytes.size());
  return true;
}

}  // namespace rollpoint::resources
