// The part of SocketsRollback that makes sockets anew, with the names, ports and other ends that they had.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "resources/courier.h"
#include "resources/sockets_rollback.h"

namespace rollpoint::resources {

using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

constexpr int kBindNoPort = 24, kPortRange = 51;  // IP_BIND_ADDRESS_NO_PORT, IP_LOCAL_PORT_RANGE

const sockaddr* raw(const std::string& address) { return reinterpret_cast<const sockaddr*>(address.data()); }
socklen_t size(const std::string& address) { return static_cast<socklen_t>(address.size()); }
bool bind_to(int fd, const std::string& address) { return bind(fd, raw(address), size(address)) == 0; }
bool set_int(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value) == 0; }

bool is_named(const std::string& address) { return address.size() > offsetof(sockaddr_un, sun_path); }

bool is_readable(int fd, int milliseconds) {
  pollfd state{fd, POLLIN, 0};
  return poll(&state, 1, milliseconds) > 0;
}

// Never blocks for long: a listener whose queue is full does not answer.
bool connect_to(int fd, const std::string& address) {
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int error = connect(fd, raw(address), size(address)) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd state{fd, POLLOUT, 0};
    socklen_t length = sizeof error;
    if (poll(&state, 1, 500) <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = ETIMEDOUT;
  }
  fcntl(fd, F_SETFL, flags);
  errno = error;
  return error == 0;
}

UniqueFd accept_from(const UniqueFd& listener) {
  return UniqueFd(is_readable(listener.get(), 500) ? accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC) : -1);
}

// The program's working directory for the moment, where a path is relative to it.
int64_t enter(RemoteSyscalls& remote, const std::string& directory) {
  if (directory.empty()) return -1;
  const auto former = remote.call(SYS_open, remote.put(".", 2), O_PATH | O_CLOEXEC);
  remote.call(SYS_chdir, remote.put(directory.c_str(), directory.size() + 1));
  return former;
}

void leave(RemoteSyscalls& remote, int64_t former) {
  if (former < 0) return;
  remote.call(SYS_fchdir, static_cast<uint64_t>(former));
  remote.call(SYS_close, static_cast<uint64_t>(former));
}

}  // namespace

// Within the program: a socket has the rights and the network of who made it.
UniqueFd SocketsRollback::make(const Entry& entry) {
  auto& socket = entry.second;
  auto& process = owner_of(entry.first);
  RemoteSyscalls remote(process);
  const auto number = remote.call(SYS_socket, static_cast<uint64_t>(socket.family), static_cast<uint64_t>(socket.type | SOCK_CLOEXEC), static_cast<uint64_t>(socket.protocol));
  if (number < 0) return UniqueFd();
  auto fd = duplicate_of(process, static_cast<int>(number));
  remote.call(SYS_close, static_cast<uint64_t>(number));
  return fd;
}

// The path may be relative, and the file belongs to the program.
bool SocketsRollback::bind_in_program(const Entry& entry, int fd) {
  auto& socket = entry.second;
  const auto file = file_of(socket);
  struct stat info {};
  if (lstat(file.c_str(), &info) == 0) {
    // A file that nobody answers at is what a closed socket leaves behind.
    const UniqueFd probe(::socket(AF_UNIX, socket.type | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    if (!S_ISSOCK(info.st_mode) || !socket.mode || file.size() >= sizeof address.sun_path) return errno = EADDRINUSE, false;
    memcpy(address.sun_path, file.data(), file.size());
    if (connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno != ECONNREFUSED) return errno = EADDRINUSE, false;
    unlink(file.c_str());
  }
  auto& process = owner_of(entry.first);
  Courier courier(process);
  const int number = courier.deliver_anywhere(fd);
  RemoteSyscalls remote(process);
  const int64_t former = enter(remote, socket.directory);
  const auto result = remote.call(SYS_bind, static_cast<uint64_t>(number), remote.put(socket.local.data(), socket.local.size()), socket.local.size());
  leave(remote, former);
  remote.call(SYS_close, static_cast<uint64_t>(number));
  if (result < 0) return errno = static_cast<int>(-result), false;
  if (socket.mode) chmod(file.c_str(), socket.mode);
  else unlink(file.c_str());
  return true;
}

bool SocketsRollback::bind_again(const Entry& entry, int fd) {
  auto& socket = entry.second;
  if (socket.family == AF_UNIX) {
    if (!is_named(socket.local)) return true;
    return path_of(socket.local).empty() ? bind_to(fd, socket.local) : bind_in_program(entry, fd);
  }
  // Some have their effect only before.
  restore_options(entry, fd);
  if (socket.is_tcp()) set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  return !socket.is_inet() || port_of(socket.local) == 0 || bind_to(fd, socket.local);
}

// Listening sockets, those for datagrams, and those that are not in use yet.
void SocketsRollback::make_bound(const Entry& entry) {
  auto& [identity, socket] = entry;
  if (socket.family != AF_UNIX && !socket.is_inet()) return;
  auto fd = make(entry);
  if (!fd) return;
  if (!bind_again(entry, fd.get())) {
    tell("The socket at " + name_numbers(holders_, identity) + " was closed since, and its address " + address_text(socket.local) + " cannot be had again: " + strerror(errno) + ".");
    return;
  }
  if (socket.listening) listen(fd.get(), socket.backlog);
  adopt(identity, std::move(fd));
}

void SocketsRollback::connect_datagrams(const Entry& entry) {
  auto& [identity, socket] = entry;
  const auto it = live_.find(identity);
  if (it == live_.end() || socket.type != SOCK_DGRAM || socket.peer.empty()) return;
  auto to = socket.peer;
  if (connect_to(it->second.get(), to)) return;
  tell("The socket at " + name_numbers(holders_, identity) + " was made anew, and cannot be connected to " + address_text(to) + " again: " + strerror(errno) + ".");
}

UniqueFd SocketsRollback::listener_at(const std::string& address, int family) const {
  for (auto& [identity, socket] : sockets_) {
    if (!socket.listening || socket.family != family) continue;
    if (family == AF_UNIX ? socket.local != address : port_of(socket.local) != port_of(address)) continue;
    const auto it = live_.find(identity);
    if (it != live_.end() && !is_readable(it->second.get(), 0)) return duplicate_of(it->second);
  }
  return UniqueFd();
}

void SocketsRollback::make_connection(const Entry& entry) {
  auto& socket = entry.second;
  if (socket.waiting) return;
  if (socket.family == AF_UNIX) {
    const auto partner = sockets_.find(socket.partner);
    const End self{entry.first, socket.local, &socket};
    const End other{partner == sockets_.end() ? SharedIdentity() : partner->first, socket.peer, partner == sockets_.end() ? &socket : &partner->second};
    if (is_named(socket.peer) && make_unix_by_name(self, other)) return;
    if (is_named(socket.local) && make_unix_by_name(other, self)) return;
    make_unix_pair(entry);
  } else if (socket.is_tcp()) {
    make_tcp_pair(entry);
  }
}

// Whether accepted since or not, it waits again.
void SocketsRollback::make_waiting(const Entry& entry) {
  auto& [identity, socket] = entry;
  const auto listener = sockets_.find(socket.listener);
  if (listener == sockets_.end() || !live_.contains(listener->first)) return;
  UniqueFd fd;
  if (socket.is_tcp()) {
    if (!connect_from(entry, fd, socket.local, socket.peer)) fd.reset();
  } else {
    fd = make(entry);
    if (!fd || (is_named(socket.local) && !bind_again(entry, fd.get())) || !connect_in_program(entry, fd.get(), listener->second)) fd.reset();
  }
  if (!fd) return tell("The connection at " + name_numbers(holders_, identity) + ", which waited to be accepted at " + address_text(socket.peer) + ", could not be made again: " + strerror(errno) + ".");
  if (socket.is_tcp() && local_address(fd.get()) != socket.local) tell("The connection at " + name_numbers(holders_, identity) + " waits to be accepted again, now from " + address_text(local_address(fd.get())) + ".");
  if (socket.sent) tell("What the connection at " + name_numbers(holders_, identity) + " had sent before it was accepted does not come back: " + plural(socket.sent, "byte") + ".");
  adopt(identity, std::move(fd));
}

// Who connects is who the other end is told of (SO_PEERCRED).
bool SocketsRollback::connect_in_program(const Entry& client, int fd, const Socket& listener) {
  auto& process = owner_of(client.first);
  Courier courier(process);
  const int number = courier.deliver_anywhere(fd);
  RemoteSyscalls remote(process);
  const auto flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const int64_t former = enter(remote, listener.directory);
  const auto result = remote.call(SYS_connect, static_cast<uint64_t>(number), remote.put(listener.local.data(), listener.local.size()), listener.local.size());
  leave(remote, former);
  remote.call(SYS_close, static_cast<uint64_t>(number));
  fcntl(fd, F_SETFL, flags);
  if (result < 0) errno = static_cast<int>(-result);
  return result >= 0;
}

// By the program's own listener, so that both ends have their names again.
bool SocketsRollback::make_unix_by_name(const End& client, const End& server) {
  auto listener = listener_at(server.local, AF_UNIX);
  if (!listener || is_named(client.local)) return false;
  const auto& entry = *sockets_.find(client.identity ? client.identity : server.identity);
  auto fd = make(entry);
  if (!fd) return false;
  const auto bound = std::find_if(sockets_.begin(), sockets_.end(), [&](auto& other) { return other.second.listening && other.second.local == server.local; });
  if (!connect_in_program(entry, fd.get(), bound->second)) return false;
  auto other = accept_from(listener);
  if (!other) return false;
  adopt(client, server.identity, std::move(fd));
  adopt(server, client.identity, std::move(other));
  return true;
}

void SocketsRollback::make_unix_pair(const Entry& entry) {
  auto& [identity, socket] = entry;
  auto& process = owner_of(identity);
  RemoteSyscalls remote(process);
  int numbers[2];
  if (remote.call(SYS_socketpair, AF_UNIX, static_cast<uint64_t>(socket.type | SOCK_CLOEXEC), 0, remote.buffer()) < 0) return;
  remote.get(numbers, sizeof numbers);
  auto one = duplicate_of(process, numbers[0]), other = duplicate_of(process, numbers[1]);
  for (int number : numbers) remote.call(SYS_close, static_cast<uint64_t>(number));
  if (!one || !other) return;
  if (is_named(socket.local) || is_named(socket.peer))
    tell("The connection at " + name_numbers(holders_, identity) + " was made anew: it no longer has the name " + address_text(is_named(socket.local) ? socket.local : socket.peer) + ".");
  adopt(identity, std::move(one));
  if (socket.partner) adopt(socket.partner, std::move(other));
  else departed_[identity] = std::move(other);
}

// The port is chosen for the connection only, as the kernel does it, so that it may be had again while its former use
// still lingers (TIME_WAIT), on loopback after a second; else it is taken beforehand, which all others on it must allow.
bool SocketsRollback::take_port(const Entry& maker, UniqueFd& fd, const std::string& local, bool for_connection) {
  fd = make(maker);
  if (!fd) return false;
  if (!for_connection) return set_int(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) && bind_to(fd.get(), local);
  set_int(fd.get(), IPPROTO_IP, kBindNoPort, 1);
  return set_int(fd.get(), IPPROTO_IP, kPortRange, port_of(local) << 16 | port_of(local)) && bind_to(fd.get(), with_port(local, 0));
}

bool SocketsRollback::connect_from(const Entry& maker, UniqueFd& fd, const std::string& local, const std::string& to) {
  for (;;) {
    if (take_port(maker, fd, local, true) && connect_to(fd.get(), to)) {
      set_int(fd.get(), IPPROTO_IP, kPortRange, 0);
      set_int(fd.get(), IPPROTO_IP, kBindNoPort, 0);
      return true;
    }
    if (!fd) return false;
    if (take_port(maker, fd, local, false) && connect_to(fd.get(), to)) return true;
    if (tcp_owner(local, to) != ino_t{0} || std::chrono::steady_clock::now() > patience_) break;
    usleep(20'000);
  }
  fd = make(maker);
  return connect_to(fd.get(), to);
}

// An end that was closed first lingers for a minute, and its port with it (on loopback others have it after a second). It
// answers what comes from the other end once more; there nobody is, and the reset that it gets for that ends it at once
// (RFC 1337). While the other end's port is a listener's nobody can connect from it.
void SocketsRollback::end_lingering(const Entry& entry) {
  auto& socket = entry.second;
  for (auto [gone, other] : {std::pair(&socket.local, &socket.peer), std::pair(&socket.peer, &socket.local)}) {
    if (!tcp_lingers(*gone, *other) || tcp_listens(*gone)) continue;
    for (const bool for_connection : {true, false}) {
      UniqueFd fd;
      if (!take_port(entry, fd, *other, for_connection)) continue;
      fcntl(fd.get(), F_SETFL, O_NONBLOCK);
      const linger hard{1, 0};
      setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      if ((connect(fd.get(), raw(*gone), size(*gone)) == 0 || errno == EINPROGRESS) && wait_until([&] { return !tcp_lingers(*gone, *other); })) break;
    }
  }
}

void SocketsRollback::make_tcp_pair(const Entry& entry) {
  auto& socket = entry.second;
  const auto partner = sockets_.find(socket.partner);
  const End self{entry.first, socket.local, &socket};
  const End other{partner == sockets_.end() ? SharedIdentity() : partner->first, socket.peer, partner == sockets_.end() ? &socket : &partner->second};
  // The one at whose port somebody listens, or else that with the lower port, was the server.
  const auto listens = [&](const End& end) {
    return std::any_of(sockets_.begin(), sockets_.end(), [&](auto& one) { return one.second.listening && one.second.is_tcp() && port_of(one.second.local) == port_of(end.local); });
  };
  const bool is_server = listens(self) || (!listens(other) && port_of(self.local) < port_of(other.local));
  const End& server = is_server ? self : other;
  const End& client = is_server ? other : self;
  auto listener = listener_at(server.local, socket.family);
  std::string address = server.local;
  if (!listener) {
    // One of ours for the moment.
    listener = make(entry);
    set_int(listener.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (!bind_to(listener.get(), address)) bind_to(listener.get(), with_port(address, 0));
    listen(listener.get(), 1);
    address = local_address(listener.get());
  }
  UniqueFd one;
  const bool connected = connect_from(entry, one, client.local, address);
  auto two = connected ? accept_from(listener) : UniqueFd();
  if (!two) return tell("The connection between " + address_text(client.local) + " and " + address_text(server.local) + " was closed since and cannot be made again: " + strerror(errno) + ".");
  if (local_address(one.get()) != client.local || local_address(two.get()) != server.local)
    tell("The connection between " + address_text(client.local) + " and " + address_text(server.local) + " was made anew, now between " + address_text(local_address(one.get())) + " and " + address_text(local_address(two.get())) + ".");
  adopt(client, server.identity, std::move(one));
  adopt(server, client.identity, std::move(two));
}

}  // namespace rollpoint::resources
