// What the kernel tells about a socket: addresses, options, the other end, bytes exchanged. Changes nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "resources/stream_identity.h"

namespace rollpoint::resources {

struct SocketOption {
  int level, name;
  std::string value;
  bool operator==(const SocketOption&) const = default;
};

std::string local_address(int fd);
std::string peer_address(int fd);
/// "127.0.0.1:80", "/run/socket", "an unnamed socket".
std::string address_text(const std::string& address);
int port_of(const std::string& address);
std::string with_port(std::string address, int port);
/// The path of a unix socket bound to one, else empty.
std::string path_of(const std::string& address);

int int_option(int fd, int level, int name);
std::optional<std::string> option(int fd, int level, int name);
/// All that can be set again. `family` and `type` are of the socket.
std::vector<SocketOption> read_options(int fd, int family, int type);

struct UnixFacts {
  ino_t peer = 0;  // 0: none, or closed
  int shutdown = 0;  // 1 for reading, 2 for writing
  ObjectKey name{};  // the file it is bound to
  std::vector<ino_t> applicants;  // of a listener, in order
  int backlog = 0;  // of a listener: its limit
};
/// Nothing where the kernel does not tell.
std::optional<UnixFacts> unix_facts(ino_t inode);

struct TcpFacts {
  int state = 0;  // as in netinet/tcp.h
  int backlog = 0;  // of a listener: its limit
  uint64_t sent = 0;  // bytes that the program has written
  uint64_t received = 0;  // bytes that have arrived, read or not
  int unsent = 0;  // of `sent`, what the kernel still holds back
};
std::optional<TcpFacts> tcp_facts(int fd);
/// Who has the connection with these ends: its inode, 0 where its owner has closed it; nothing where there is none.
std::optional<ino_t> tcp_owner(const std::string& local, const std::string& peer);
/// The end at `local` was closed first and the kernel still keeps it: TIME_WAIT.
bool tcp_lingers(const std::string& local, const std::string& peer);
/// Somebody listens there.
bool tcp_listens(const std::string& local);

/// Who waits at a listener to be accepted: the inodes of their sockets, 0 where that is closed. In order, but for TCP.
std::vector<ino_t> applicants(int listener, int family);

/// 1 for reading, 2 for writing. `tcp`: it is a connection of that protocol.
int shutdown_of(int fd, int family, bool tcp);

}  // namespace rollpoint::resources
