#include "resources/socket_filter.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

namespace rollpoint::resources {

SocketFilter read_filter(int fd) {
  SocketFilter filter;
  // The length counts instructions, not bytes (sk_get_filter, net/core/filter.c); 0 asks for it.
  socklen_t count = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, nullptr, &count) < 0) {
    filter.readable = errno != EACCES;
    return filter;
  }
  if (count == 0) return filter;
  filter.code.resize(count * sizeof(sock_filter));
  if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, filter.code.data(), &count) < 0) filter.code.clear();
  filter.code.resize(std::min(filter.code.size(), count * sizeof(sock_filter)));
  return filter;
}

bool set_filter(int fd, const SocketFilter& filter) {
  if (filter.code.empty()) {
    const int unused = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0 || errno == ENOENT;
  }
  auto code = filter.code;
  const sock_fprog program{static_cast<unsigned short>(code.size() / sizeof(sock_filter)), reinterpret_cast<sock_filter*>(code.data())};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace rollpoint::resources
