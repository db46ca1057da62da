#include "resources/socket_queue.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace rollpoint::resources {

namespace {

constexpr size_t kLargest = 1 << 20;  // bytes of one datagram; the kernel's own limits are lower

bool close_descriptors(msghdr& message) {
  bool any = false;
  for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      close(fd);
      any = true;
    }
  }
  return any;
}

// One message, or what a stream gives at once. Negative where there is none. `whole`: nothing was cut off or set aside.
ssize_t receive(int fd, int flags, char* buffer, size_t size, std::string* from, bool& whole) {
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
  if (close_descriptors(message) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) whole = false;
  if (from) from->assign(reinterpret_cast<const char*>(&address), message.msg_namelen);
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

std::optional<Queue> peek_stream(int fd) {
  Queue queue;
  const auto size = static_cast<size_t>(unread(fd));
  if (size == 0) return queue;
  auto& bytes = queue.emplace_back().bytes;
  bytes.resize(size);
  bool whole = true;
  const int before = peek_offset(fd);
  if (before >= 0) set_peek_offset(fd, 0);
  const ssize_t n = receive(fd, MSG_PEEK, bytes.data(), size, nullptr, whole);
  if (before >= 0) set_peek_offset(fd, before);
  if (!whole || n != static_cast<ssize_t>(size)) return std::nullopt;
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
    const ssize_t n = receive(fd, MSG_PEEK, buffer.get(), kLargest, &message.from, whole);
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

bool send_message(int fd, const Message& message, bool stream, const std::string& to) {
  size_t at = 0;
  do {
    const ssize_t n = sendto(fd, message.bytes.data() + at, message.bytes.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL,
                             to.empty() ? nullptr : reinterpret_cast<const sockaddr*>(to.data()), static_cast<socklen_t>(to.size()));
    if (n < 0) return false;
    at += static_cast<size_t>(n);
  } while (stream && at < message.bytes.size());
  return true;
}

}  // namespace rollpoint::resources
