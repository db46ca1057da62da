#include "resources/sockets_rollback.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "resources/outside_holders.h"

namespace rollpoint::resources {

using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

constexpr int kFlags = O_APPEND | O_NONBLOCK;

void set_int(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

// Its port is free at its last closing, and not in a minute.
void close_hard(int fd) {
  const linger hard{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

}  // namespace

SocketsRollback::SocketsRollback(Holders wanted, const Sockets& sockets) : holders_(wanted), sockets_(sockets) {
  close_surplus();
  if (sockets.empty()) return;
  std::set<ObjectKey> keys;
  for (auto& [identity, socket] : sockets) keys.insert(identity->now);
  ends_ = live_ends(wanted, DescriptorKind::kSocket, keys);
  auto live = by_key(ends_);
  for (auto& [identity, socket] : sockets)
    if (auto it = live.find(identity->now); it != live.end()) live_[identity] = duplicate_of(it->second.front()->fd);
  const auto broken = find_broken();
  for (auto& entry : sockets_)
    if (auto it = live_.find(entry.first); it != live_.end() && entry.second.listening && !broken.contains(entry.first) && (!broken.empty() || !has_its_applicants(entry))) turn_away(entry, it->second.get());
  if (broken.empty()) return;
  release(broken);
  // A port is free for another listener only where all that use it allow that; finish() puts the option back.
  for (auto& [identity, fd] : live_)
    if (sockets.at(identity).is_tcp()) set_int(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  patience_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(1300);
  for (auto& identity : broken)
    if (const auto& entry = *sockets.find(identity); entry.second.is_tcp() && entry.second.is_connection()) end_lingering(entry);
  for (auto& identity : broken)
    if (const auto& entry = *sockets.find(identity); !entry.second.is_connection() || entry.second.type == SOCK_DGRAM)
      if (!entry.second.partner && !entry.second.widowed) make_bound(entry);
  for (auto& identity : broken) connect_datagrams(*sockets.find(identity));
  for (auto& identity : broken)
    if (!live_.contains(identity)) make_connection(*sockets.find(identity));
  std::vector<const Entry*> waiting;
  for (auto& identity : broken)
    if (const auto& entry = *sockets.find(identity); entry.second.waiting) waiting.push_back(&entry);
  std::sort(waiting.begin(), waiting.end(), [](auto* a, auto* b) { return a->second.place < b->second.place; });
  for (auto* entry : waiting) make_waiting(*entry);
}

// What the snapshot lacks goes: its names and ports must be free, at once and not in a minute.
void SocketsRollback::close_surplus() {
  auto surplus = surplus_sockets(holders_);
  for (auto& [identity, socket] : sockets_) ours_.insert(identity->now.second);
  if (surplus.empty()) return;
  for (auto& end : surplus) ours_.insert(end.key.second);
  std::vector<std::pair<const StreamEnd*, ino_t>> connections;  // with who has the other end
  std::set<ino_t> ends_of_connections;
  for (auto& end : surplus) {
    const int fd = end.fd.get();
    const auto local = local_address(fd), peer = peer_address(fd);
    if (const auto path = path_of(local); !path.empty()) {
      // One that was accepted has the name of its listener.
      if (!peer.empty() && int_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM) continue;
      const auto facts = unix_facts(end.key.second);
      const auto file = path.front() == '/' ? path : "/proc/" + std::to_string(holders_[end.holder].process->pid()) + "/cwd/" + path;
      struct stat info {};
      if (facts && lstat(file.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) && info.st_ino == facts->name.second) unlink(file.c_str());
    } else if (port_of(peer) && int_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM) {
      const auto owner = tcp_owner(peer, local);
      if (!owner || (*owner != 0 && !ours_.contains(*owner))) continue;
      connections.emplace_back(&end, *owner);
      ends_of_connections.insert({end.key.second, *owner});
    }
  }
  const auto of_others = held_outside(holders_, ends_of_connections);
  for (auto& [end, owner] : connections)
    if (!of_others.contains(end->key.second) && !of_others.contains(owner)) close_hard(end->fd.get());
  for (size_t holder = 0; holder < holders_.size(); ++holder) {
    std::vector<RemoteCall> closes;
    for (auto& end : surplus)
      if (end.holder == holder) closes.push_back({SYS_close, {static_cast<uint64_t>(end.number)}});
    if (!closes.empty()) RemoteSyscalls(*holders_[holder].process).batch(closes);
  }
}

std::set<SharedIdentity> SocketsRollback::find_broken() const {
  std::set<SharedIdentity> broken;
  for (auto& entry : sockets_) {
    if (usable(entry)) continue;
    // A stream out of the tree is not ours to make.
    if (entry.second.outside && entry.second.type != SOCK_DGRAM) continue;
    broken.insert(entry.first);
    if (sockets_.contains(entry.second.partner)) broken.insert(entry.second.partner);
  }
  // Others get their connections through the same listeners: who waits there makes way and comes back last, in order.
  const auto keeps = [&](const Entry& entry) { return !live_.contains(entry.first) || !entry.second.listening || has_its_applicants(entry); };
  if (!broken.empty() || !std::all_of(sockets_.begin(), sockets_.end(), keeps))
    for (auto& [identity, socket] : sockets_)
      if (socket.waiting) broken.insert(identity);
  return broken;
}

bool SocketsRollback::has_its_applicants(const Entry& listener) const {
  auto& [identity, socket] = listener;
  const auto now = applicants(live_.at(identity).get(), socket.family);
  size_t known = 0;
  for (auto& [other, one] : sockets_)
    if (one.listener == identity) known += std::find(now.begin(), now.end(), other->now.second) != now.end() ? 1 : 2;
  return socket.strangers || (now.size() == socket.applicants && known == now.size());
}

// Those of the program only: nobody could make another program try again.
void SocketsRollback::turn_away(const Entry& listener, int fd) {
  auto& [identity, socket] = listener;
  const auto now = applicants(fd, socket.family);
  const bool strangers = std::any_of(now.begin(), now.end(), [&](ino_t inode) { return inode && !ours_.contains(inode); });
  if (socket.strangers || strangers) {
    if (strangers && !socket.strangers) tell("Connections from other programs have come to " + address_text(socket.local) + " (" + name_numbers(holders_, identity) + ") since, and wait to be accepted: they stay.");
    return;
  }
  for (pollfd state{fd, POLLIN, 0}; poll(&state, 1, 0) > 0;) {
    const UniqueFd applicant(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!applicant) return;
    close_hard(applicant.get());
  }
}

// Whether the one that lives can become what it was.
bool SocketsRollback::usable(const Entry& entry) const {
  auto& [identity, socket] = entry;
  const auto it = live_.find(identity);
  if (it == live_.end()) return false;
  const int fd = it->second.get();
  if (socket.outside || !(socket.family == AF_UNIX || socket.is_inet())) return true;
  if (socket.listening != (int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1)) return false;
  if (socket.local != local_address(fd) || socket.peer != peer_address(fd)) return false;
  const int shutdown = shutdown_of(fd, socket.family, socket.is_tcp());
  if (shutdown & ~socket.shutdown) return false;
  if (socket.waiting) return still_waits(socket, fd);
  if (socket.widowed && still_waits(socket, fd)) return false;
  struct stat info {};
  if (socket.mode) {
    const auto facts = unix_facts(identity->now.second);
    if (stat(file_of(socket).c_str(), &info) < 0 || (facts && facts->name.second != info.st_ino)) return false;
  }
  if (socket.queue_held && (socket.widowed || shutdown & 1)) {  // nobody can send to it any more
    const auto now = peek_queue(fd, socket.is_stream());
    return now && *now == socket.queue;
  }
  return true;
}

void SocketsRollback::release(const std::set<SharedIdentity>& broken) {
  std::set<ObjectKey> keys;
  std::set<ino_t> ends_of_connections;
  for (auto& identity : broken) {
    keys.insert(identity->now);
    if (sockets_.at(identity).is_tcp()) ends_of_connections.insert(identity->now.second);
  }
  auto of_others = held_outside(holders_, ends_of_connections);
  for (auto& identity : broken)
    if (auto& partner = sockets_.at(identity).partner; partner && of_others.contains(partner->now.second)) of_others.insert(identity->now.second);
  for (size_t holder = 0; holder < holders_.size(); ++holder) {
    std::vector<RemoteCall> closes;
    for (auto& end : ends_) {
      if (end.holder != holder || !keys.contains(end.key)) continue;
      if (ends_of_connections.contains(end.key.second) && !of_others.contains(end.key.second)) close_hard(end.fd.get());
      closes.push_back({SYS_close, {static_cast<uint64_t>(end.number)}});
    }
    if (!closes.empty()) RemoteSyscalls(*holders_[holder].process).batch(closes);
  }
  for (auto& end : ends_)
    if (keys.contains(end.key)) end.fd.reset();
  for (auto& identity : broken) live_.erase(identity);
}

tracee::Process& SocketsRollback::owner_of(const SharedIdentity& identity) const {
  for (auto& holder : holders_)
    for (auto& [number, descriptor] : *holder.table)
      if (descriptor.identity == identity) return *holder.process;
  return *holders_.front().process;
}

void SocketsRollback::adopt(const SharedIdentity& identity, UniqueFd fd) {
  rebind(identity, key_of(fd.get()));
  live_[identity] = std::move(fd);
}

void SocketsRollback::adopt(const End& end, const SharedIdentity& other, UniqueFd fd) {
  if (end.identity) adopt(end.identity, std::move(fd));
  else departed_[other] = std::move(fd);
}

UniqueFd SocketsRollback::recreate(const Descriptor& wanted) {
  const auto it = live_.find(wanted.identity);
  return it == live_.end() ? UniqueFd() : duplicate_of(it->second);
}

bool SocketsRollback::restore_options(const Entry& entry, int fd) {
  auto& socket = entry.second;
  constexpr int kLocked = 72;  // SO_BUF_LOCK
  for (auto [name, size, lock] : {std::tuple{SO_SNDBUF, socket.send_buffer, 1}, std::tuple{SO_RCVBUF, socket.receive_buffer, 2}}) {
    const int now = chosen_buffer(fd, name);
    if (now == size) continue;
    if (size) set_int(fd, SOL_SOCKET, name, size);
    else if (const int locked = int_option(fd, SOL_SOCKET, kLocked); locked >= 0) set_int(fd, SOL_SOCKET, kLocked, locked & ~lock);
  }
  bool whole = true;
  for (auto& [level, name, value] : socket.options)
    if (option(fd, level, name) != value) whole &= setsockopt(fd, level, name, value.data(), static_cast<socklen_t>(value.size())) == 0;
  return whole;
}

void SocketsRollback::tell_of_options(const Entry& entry) {
  tell("An option of the socket at " + name_numbers(holders_, entry.first) + " was changed since and could not be put back.");
}

// Whose socket a message goes in again by; -1 where there is none.
int SocketsRollback::sender_for(const Entry& entry, const Message& message) const {
  auto& [identity, socket] = entry;
  if (auto it = departed_.find(identity); it != departed_.end()) return it->second.get();
  const auto partner = live_.find(socket.partner);
  if (partner != live_.end() && (socket.is_stream() || message.from.size() <= sizeof(sa_family_t) || message.from == socket.peer)) return partner->second.get();
  if (message.from.size() <= sizeof(sa_family_t)) return -1;
  for (auto& [other, one] : sockets_) {
    // A socket that is bound to any address sends from the one that the way out has.
    const bool is_it = one.local == message.from || (one.is_udp() && socket.is_udp() && port_of(one.local) == port_of(message.from));
    if (!is_it || one.type != socket.type || (!one.peer.empty() && one.peer != socket.local)) continue;
    if (auto it = live_.find(other); it != live_.end()) return it->second.get();
  }
  return -1;
}

// Its sender is closed: for the moment there is another one at the same address.
bool SocketsRollback::send_from_elsewhere(const Entry& entry, const Message& message, const std::vector<int>& rights) const {
  auto& socket = entry.second;
  if (socket.family == AF_UNIX && !path_of(message.from).empty()) return false;
  const UniqueFd sender(::socket(socket.family, socket.type | SOCK_CLOEXEC, socket.protocol));
  if (message.from.size() > sizeof(sa_family_t) && bind(sender.get(), reinterpret_cast<const sockaddr*>(message.from.data()), static_cast<socklen_t>(message.from.size())) < 0) return false;
  auto to = socket.local;
  if (!path_of(to).empty() && path_of(to).front() != '/') return false;
  return send_message(sender.get(), message, false, to, rights);
}

// The descriptors that go with it again; fewer where one is nowhere to be had.
std::vector<UniqueFd> SocketsRollback::rights_of(const Message& message) {
  std::vector<UniqueFd> fds;
  for (auto& right : message.rights) {
    UniqueFd fd;
    if (right.elsewhere) fd = duplicate_of(*holders_[right.elsewhere->first].process, right.elsewhere->second);
    else if (right.fd) fd = duplicate_of(*right.fd);
    // A file that nobody else has open is where it was.
    if (fd && !right.elsewhere && right.offset >= 0) lseek(fd.get(), right.offset, SEEK_SET);
    if (fd) fds.push_back(std::move(fd));
  }
  return fds;
}

void SocketsRollback::restore_queue(const Entry& entry, int fd) {
  auto& [identity, socket] = entry;
  if (!socket.queue_held) return;
  const bool stream = socket.is_stream();
  if (auto now = peek_queue(fd, stream); now && *now == socket.queue) return;
  drain_queue(fd, stream);
  identity->holds_empty = false;
  size_t lost = 0, bytes = 0, without = 0;
  for (auto& message : socket.queue) {
    const int sender = sender_for(entry, message);
    const bool connected = sender >= 0 && !peer_address(sender).empty();
    if (sender >= 0 && socket.is_tcp()) set_int(sender, IPPROTO_TCP, TCP_NODELAY, 1);  // finish() puts it back
    const auto fds = rights_of(message);
    std::vector<int> rights;
    for (auto& right : fds) rights.push_back(right.get());
    without += message.rights.size() - rights.size();
    if (sender >= 0 ? !send_message(sender, message, stream, connected ? std::string() : socket.local, rights) : stream || !send_from_elsewhere(entry, message, rights)) ++lost;
    bytes += message.bytes.size();
  }
  if (without) tell("In what is in flight to the socket at " + name_numbers(holders_, identity) + ", " + plural(without, "descriptor") + " could not be put back.");
  const auto arrived = [&] {
    if (socket.family == AF_UNIX) return true;
    if (stream) {
      int unread = 0;
      return ioctl(fd, FIONREAD, &unread) == 0 && static_cast<size_t>(unread) >= bytes;
    }
    const auto now = peek_queue(fd, false);
    return !now || now->size() + lost >= socket.queue.size();
  };
  if (!wait_until(arrived) && !lost) lost = stream ? 1 : socket.queue.size();
  if (lost) tell("What was in flight to the socket at " + name_numbers(holders_, identity) + " did not come back" + (stream ? "" : ": " + plural(lost, "message")) + ".");
}

void SocketsRollback::restore_shutdown(const Entry& entry, int fd) {
  auto& [identity, socket] = entry;
  if (socket.listening || socket.outside || socket.widowed) return;
  const int more = socket.shutdown & ~shutdown_of(fd, socket.family, socket.is_tcp());
  // For TCP the end of reading comes with the other's end of writing.
  const auto partner = sockets_.find(socket.partner);
  const bool by_other = socket.is_tcp() && partner != sockets_.end() && partner->second.shutdown & 2;
  if (more & 2) ::shutdown(fd, SHUT_WR);
  if (more & 1 && !by_other) ::shutdown(fd, SHUT_RD);
}

void SocketsRollback::restore_filter_and_groups(const Entry& entry, int fd) {
  auto& [identity, socket] = entry;
  if (socket.filter.readable && read_filter(fd) != socket.filter && !set_filter(fd, socket.filter))
    tell("The filter of the socket at " + name_numbers(holders_, identity) + " could not be put back.");
  if (!socket.is_udp()) return;
  if (!groups_) groups_ = groups_of_network(owner_of(identity).pid());
  // Also those that only this one has had.
  auto candidates = *groups_;
  candidates.insert(candidates.end(), socket.groups.begin(), socket.groups.end());
  for (auto& candidate : candidates) candidate.mode = 0, candidate.sources.clear();
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  if (const auto now = read_memberships(fd, socket.family, candidates); now != socket.groups && !restore_memberships(fd, now, socket.groups))
    tell("The socket at " + name_numbers(holders_, identity) + " could not join again all the groups that it was a member of.");
}

void SocketsRollback::restore_flags() {
  for (auto& holder : holders_)
    for (auto& [number, descriptor] : *holder.table) {
      const auto it = descriptor.kind == DescriptorKind::kSocket ? live_.find(descriptor.identity) : live_.end();
      if (it == live_.end() || descriptor.shares_with != number) continue;
      const int flags = fcntl(it->second.get(), F_GETFL);
      if ((flags ^ descriptor.flags) & kFlags) fcntl(it->second.get(), F_SETFL, (descriptor.flags & kFlags) | (flags & O_ASYNC));
    }
}

util::Warnings SocketsRollback::finish() {
  if (sockets_.empty()) return std::move(left_);
  const auto each = [&](auto work) {
    for (auto& entry : sockets_)
      if (auto it = live_.find(entry.first); it != live_.end()) work(entry, it->second.get());
  };
  // What goes in again must be let through.
  each([&](auto& entry, int fd) {
    if (!entry.second.outside && !read_filter(fd).code.empty()) set_filter(fd, {});
  });
  each([&](auto& entry, int fd) {
    if (!restore_options(entry, fd) && (entry.second.outside || !entry.second.is_tcp())) tell_of_options(entry);
  });
  each([&](auto& entry, int fd) { restore_queue(entry, fd); });
  for (auto& [identity, other] : departed_)
    if (sockets_.at(identity).reset) send(live_.at(identity).get(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  departed_.clear();
  each([&](auto& entry, int fd) { restore_shutdown(entry, fd); });
  each([&](auto& entry, int fd) {
    auto& socket = entry.second;
    if (socket.is_tcp() && !socket.outside) {
      if (!restore_options(entry, fd)) tell_of_options(entry);  // some were changed to get the bytes out
      wait_until([&] { return !(socket.shutdown & ~shutdown_of(fd, socket.family, true)); });
    }
    if (int_option(fd, SOL_SOCKET, SO_PEEK_OFF) != socket.peek_offset) set_int(fd, SOL_SOCKET, SO_PEEK_OFF, socket.peek_offset);
  });
  each([&](auto& entry, int fd) { restore_filter_and_groups(entry, fd); });
  restore_flags();
  for (auto& entry : sockets_) {
    const auto it = live_.find(entry.first);
    if (auto sentence = passed_outside(holders_, entry, it == live_.end() ? -1 : it->second.get())) tell(std::move(*sentence));
  }
  return std::move(left_);
}

}  // namespace rollpoint::resources
