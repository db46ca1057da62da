// What a socket lets through (SO_ATTACH_FILTER), in the kernel's classic language. Knows no process.
#pragma once

#include <linux/filter.h>

#include <optional>
#include <string>
#include <vector>

namespace rollpoint::resources {

struct SocketFilter {
  std::string code;  // of struct sock_filter; empty: all is let through
  bool readable = true;  // not where it is an eBPF program
  bool operator==(const SocketFilter&) const = default;
};

SocketFilter read_filter(int fd);
/// False, with errno, where that cannot be (SO_LOCK_FILTER).
bool set_filter(int fd, const SocketFilter& filter);

}  // namespace rollpoint::resources
