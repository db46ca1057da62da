#include "resources/sockets.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

namespace rollpoint::resources {

using util::UniqueFd;

namespace {

std::string directory_of(const tracee::Process& process) {
  char target[4096];
  const ssize_t length = readlink(("/proc/" + std::to_string(process.pid()) + "/cwd").c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

bool has_error(int fd) {
  pollfd state{fd, 0, 0};
  return poll(&state, 1, 0) > 0 && state.revents & POLLERR;
}

bool has_urgent(int fd) {
  pollfd state{fd, POLLPRI, 0};
  return poll(&state, 1, 0) > 0 && state.revents & POLLPRI;
}

// What the kernel still holds back at the sender nobody can look at.
void push(int fd) {
  const int before = int_option(fd, IPPROTO_TCP, TCP_NODELAY), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &before, sizeof before);
}

// Whether all that was written has arrived. Loopback delivers at once, though maybe on another processor.
bool has_arrived(int sender, int receiver) {
  for (int tries = 0; tries < 40; ++tries) {
    const auto from = tcp_facts(sender), to = tcp_facts(receiver);
    if (!from || !to) return false;
    if (from->sent == to->received) return true;
    if (from->unsent) push(sender);
    usleep(500);
  }
  return false;
}

Socket read_socket(int fd) {
  Socket socket;
  socket.family = int_option(fd, SOL_SOCKET, SO_DOMAIN);
  socket.type = int_option(fd, SOL_SOCKET, SO_TYPE);
  socket.protocol = int_option(fd, SOL_SOCKET, SO_PROTOCOL);
  socket.listening = int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
  socket.local = local_address(fd);
  socket.peer = peer_address(fd);
  socket.shutdown = shutdown_of(fd, socket.family, socket.is_tcp());
  socket.options = read_options(fd, socket.family, socket.type);
  socket.filter = read_filter(fd);
  socket.receive_buffer = chosen_buffer(fd, SO_RCVBUF);
  socket.send_buffer = chosen_buffer(fd, SO_SNDBUF);
  socket.peek_offset = int_option(fd, SOL_SOCKET, SO_PEEK_OFF);
  if (const auto facts = socket.is_tcp() ? tcp_facts(fd) : std::nullopt) {
    socket.sent = facts->sent;
    socket.received = facts->received;
    socket.backlog = facts->backlog;
  }
  return socket;
}

// Who is at the other end of a unix socket.
void find_unix_partner(const SharedIdentity& identity, Socket& socket, const std::map<ino_t, SharedIdentity>& by_inode, const tracee::Process& process) {
  const auto facts = unix_facts(identity->now.second);
  // One that was accepted has the name of its listener, whose business the file is.
  if (const auto path = path_of(socket.local); !path.empty() && (socket.peer.empty() || socket.type == SOCK_DGRAM)) {
    if (path.front() != '/') socket.directory = directory_of(process);
    struct stat info {};
    if (facts && stat(file_of(socket).c_str(), &info) == 0 && info.st_ino == facts->name.second) socket.mode = info.st_mode & 07777;
  }
  if (facts && socket.listening) socket.backlog = facts->backlog;
  if (!facts || socket.listening) {
    socket.outside = !facts && !socket.listening && !socket.peer.empty();
    return;
  }
  if (facts->peer) {
    const auto it = by_inode.find(facts->peer);
    const auto back = it == by_inode.end() ? std::nullopt : unix_facts(facts->peer);
    // Datagrams may go one way only: who receives them need not know the sender.
    if (back && back->peer == identity->now.second) socket.partner = it->second;
    else socket.outside = it == by_inode.end();
  } else if (!socket.peer.empty()) {
    // Closing ends both directions for the other side; to wait in a queue does not.
    (socket.type == SOCK_DGRAM || facts->shutdown == 3 ? socket.widowed : socket.waiting) = true;
  }
}

// Empty datagrams are shown by one look only (__skb_try_recv_from_queue): the socket is remembered until all are read.
bool holds_empty(StreamIdentity& identity, int fd, const Queue& queue) {
  pollfd state{fd, POLLIN, 0};
  if (queue.empty() && poll(&state, 1, 0) <= 0) identity.holds_empty = false;
  if (std::any_of(queue.begin(), queue.end(), [](auto& message) { return message.bytes.empty(); })) identity.holds_empty = true;
  return identity.holds_empty;
}

// Who waits at a listener to be accepted.
void find_applicants(const SharedIdentity& listener, int fd, Sockets& sockets, const std::map<ino_t, SharedIdentity>& by_inode) {
  pollfd state{fd, POLLIN, 0};
  if (poll(&state, 1, 0) <= 0) return;
  auto& socket = sockets.at(listener);
  auto inodes = applicants(fd, socket.family);
  socket.applicants = inodes.size();
  if (socket.is_tcp()) std::sort(inodes.begin(), inodes.end());  // as they were made
  for (size_t place = 0; place < inodes.size(); ++place) {
    const auto it = by_inode.find(inodes[place]);
    if (it == by_inode.end()) {
      socket.strangers = true;
      continue;
    }
    sockets.at(it->second).listener = listener;
    sockets.at(it->second).place = place;
  }
}

// Which descriptors under way may be kept until a rollback, and who else has the others.
// False where that is nobody.
bool settle_rights(Holders holders, Message& message) {
  bool complete = true;
  for (auto& right : message.rights) {
    const int fd = right.fd->get();
    struct stat info {};
    fstat(fd, &info);
    if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) right.identity = identity_of(right.key);
    for (size_t i = 0; i < holders.size() && !right.elsewhere; ++i)
      for (auto& [number, descriptor] : *holders[i].table)
        if (descriptor.device == right.key.first && descriptor.inode == right.key.second &&
            syscall(SYS_kcmp, getpid(), holders[i].process->pid(), KCMP_FILE, fd, number) == 0) {
          right.elsewhere = {i, number};
          break;
        }
    std::string locks;
    for (std::ifstream facts("/proc/self/fdinfo/" + std::to_string(fd)); std::getline(facts, locks) && !locks.starts_with("lock:");) locks.clear();
    const bool may_keep = (S_ISREG(info.st_mode) && locks.empty()) || S_ISDIR(info.st_mode) || (S_ISCHR(info.st_mode) && major(info.st_rdev) == 1);
    if (S_ISREG(info.st_mode)) right.offset = lseek(fd, 0, SEEK_CUR);
    if (!may_keep) right.fd.reset();
    complete &= right.fd || right.elsewhere;
  }
  return complete;
}

}  // namespace

bool Socket::is_stream() const { return type == SOCK_STREAM; }
bool Socket::is_inet() const { return family == AF_INET || family == AF_INET6; }
bool Socket::is_tcp() const { return is_inet() && type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == 0); }
bool Socket::is_udp() const { return is_inet() && type == SOCK_DGRAM && (protocol == IPPROTO_UDP || protocol == 0); }

std::string plural(uint64_t n, const char* one) { return std::to_string(n) + " " + one + (n == 1 ? "" : "s"); }

int chosen_buffer(int fd, int name) {
  constexpr int kLocked = 72;  // SO_BUF_LOCK: 1 for SO_SNDBUF, 2 for SO_RCVBUF
  const int locked = int_option(fd, SOL_SOCKET, kLocked);
  if (locked < 0 || !(locked & (name == SO_RCVBUF ? 2 : 1))) return 0;
  return int_option(fd, SOL_SOCKET, name) / 2;  // it reads back doubled (socket(7))
}

std::string file_of(const Socket& socket) {
  const auto path = path_of(socket.local);
  return path.empty() || path.front() == '/' ? path : socket.directory + "/" + path;
}

bool still_waits(const Socket& socket, int fd) {
  if (socket.family == AF_UNIX) {
    const auto facts = unix_facts(key_of(fd).second);
    return facts && !facts->peer && !facts->shutdown;
  }
  const auto facts = tcp_facts(fd);
  return facts && facts->state == 1 && tcp_owner(peer_address(fd), local_address(fd)) == ino_t{0};
}

Sockets read_sockets(Holders holders, util::Warnings& warnings) {
  Sockets sockets;
  struct Own {
    UniqueFd fd;
    tracee::Process* process;
    bool standard;
  };
  std::map<SharedIdentity, Own> own;
  std::optional<std::set<ObjectKey>> ours;
  for (auto& holder : holders)
    for (auto& [number, descriptor] : *holder.table) {
      if (descriptor.kind != DescriptorKind::kSocket || descriptor.flags & O_PATH) continue;
      if (!ours) ours = shared_with_us(holders);
      if (ours->contains({descriptor.device, descriptor.inode})) continue;
      auto [it, is_first] = own.try_emplace(descriptor.identity, Own{UniqueFd(), holder.process, true});
      if (is_first) it->second.fd = duplicate_of(*holder.process, number);
      it->second.standard &= number <= 2;
    }
  std::erase_if(own, [](auto& entry) { return !entry.second.fd; });
  std::map<std::string, SharedIdentity> tcp_by_ends;
  std::set<std::string> udp;
  std::optional<Memberships> groups;
  std::map<ino_t, SharedIdentity> by_inode;
  for (auto& [identity, one] : own) {
    auto& socket = sockets.emplace(identity, read_socket(one.fd.get())).first->second;
    socket.standard = one.standard;
    by_inode[identity->now.second] = identity;
    if (socket.is_tcp() && !socket.peer.empty()) tcp_by_ends[socket.local + socket.peer] = identity;
    if (!socket.is_udp()) continue;
    udp.insert(std::to_string(port_of(socket.local)));
    if (!groups) groups = groups_of_network(one.process->pid());
    socket.groups = read_memberships(one.fd.get(), socket.family, *groups);
  }
  std::map<std::string, std::string> outside;  // by peer: the descriptors
  for (auto& [identity, socket] : sockets) {
    const int fd = own.at(identity).fd.get();
    if (socket.family == AF_UNIX) {
      find_unix_partner(identity, socket, by_inode, *own.at(identity).process);
    } else if (socket.is_tcp() && !socket.listening) {
      const auto facts = tcp_facts(fd);
      const bool is_nobodys = !socket.peer.empty() && tcp_owner(socket.peer, socket.local).value_or(1) == 0;
      if (auto it = tcp_by_ends.find(socket.peer + socket.local); !socket.peer.empty() && it != tcp_by_ends.end()) socket.partner = it->second;
      else if (is_nobodys && facts && facts->state == 1) socket.waiting = true;
      else if (is_nobodys) socket.widowed = true;
      else socket.outside = !socket.peer.empty() || (facts && facts->state == 2);  // TCP_SYN_SENT: it has no peer yet
    } else if (socket.is_udp()) {
      socket.outside = !socket.peer.empty() && !udp.contains(std::to_string(port_of(socket.peer)));
    }
  }
  for (auto& [identity, socket] : sockets) {
    const int fd = own.at(identity).fd.get();
    const auto name = [&, id = identity] { return name_numbers(holders, id); };
    if (socket.outside && !socket.standard) {
      auto& line = outside[socket.peer.empty() ? "another program" : address_text(socket.peer)];
      line += (line.empty() ? "" : ", ") + name();
    }
    if (!socket.filter.readable) warnings.push_back({"socket", "What arrives at the socket at " + name() + " is filtered by a program of the kernel's (eBPF): it stays as it is."});
    if (socket.outside && !socket.is_udp()) continue;
    if (socket.family != AF_UNIX && !socket.is_tcp() && !socket.is_udp()) {
      warnings.push_back({"socket", "The socket at " + name() + " is of a kind that cannot be rolled back: it stays as it is."});
    } else if (socket.listening) {
      find_applicants(identity, fd, sockets, by_inode);
      if (socket.strangers) warnings.push_back({"socket", "Connections from other programs, or closed already, wait to be accepted at " + address_text(socket.local) + " (" + name() + "): those that are accepted later do not wait again after a rollback."});
    } else if (socket.waiting) {
      int sent = 0;
      if (!socket.is_tcp()) ioctl(fd, SIOCOUTQ, &sent);
      socket.sent = socket.is_tcp() ? socket.sent : static_cast<uint64_t>(sent);
      if (socket.sent) warnings.push_back({"socket", "The connection at " + name() + " waits to be accepted, and has sent something already: once it has been accepted, that does not come back."});
    } else if (!socket.widowed && has_error(fd)) {
      // Not looked at: a look would take it away.
      warnings.push_back({"socket", "An error waits to be told at the socket at " + name() + " (SO_ERROR): once the program has been told, it does not come back."});
    } else if (socket.is_stream() && has_urgent(fd)) {
      warnings.push_back({"socket", "Urgent data waits at the socket at " + name() + " (MSG_OOB): once it has been read, what is in flight there does not come back."});
    } else {
      const bool arrived = !socket.is_tcp() || !socket.partner || has_arrived(own.at(socket.partner).fd.get(), fd);
      auto queue = peek_queue(fd, socket.is_stream());
      socket.reset = socket.widowed && has_error(fd);
      const bool empty = queue && holds_empty(*identity, fd, *queue);
      socket.queue_held = queue && arrived && !empty;
      if (socket.queue_held) {
        socket.queue = std::move(*queue);
        for (auto& message : socket.queue)
          if (!settle_rights(holders, message)) warnings.push_back({"socket", "A descriptor is in flight to the socket at " + name() + " that is open nowhere else: once it has arrived, the message comes back without it."});
      }
      else if (empty) warnings.push_back({"socket", "An empty datagram is in flight to the socket at " + name() + ", which the kernel shows once only: what is in flight there does not come back."});
      else if (!queue) warnings.push_back({"socket", "What is in flight to the socket at " + name() + " cannot be read: it does not come back."});
      else warnings.push_back({"socket", "More is in flight to the socket at " + name() + " than it can take: it does not come back."});
    }
  }
  for (auto& [peer, names] : outside) warnings.push_back({"connection", "The connection to " + peer + " (" + names + ") leads out of the program: it stays as it is, and what is sent over it cannot be taken back."});
  return sockets;
}

std::optional<std::string> passed_outside(Holders holders, const Sockets::value_type& since, int fd) {
  auto& [identity, socket] = since;
  if (!socket.outside || socket.standard) return std::nullopt;
  const auto peer = socket.peer.empty() ? "another program" : address_text(socket.peer);
  const auto names = name_numbers(holders, identity);
  if (fd < 0) return "The connection to " + peer + " (" + names + ") was closed since the snapshot, and nobody but the program can open it again.";
  const auto facts = socket.is_tcp() ? tcp_facts(fd) : std::nullopt;
  if (!facts) return "The connection to " + peer + " (" + names + ") leads out of the program: what has passed over it since the snapshot cannot be taken back.";
  if (facts->sent == socket.sent && facts->received == socket.received) return std::nullopt;
  return "Since the snapshot " + plural(facts->sent - socket.sent, "byte") + " went to " + peer + " and " + plural(facts->received - socket.received, "byte") + " came from there (" + names + "): that cannot be taken back.";
}

std::vector<std::string> passed_outside(Holders holders, const Sockets& since) {
  std::vector<std::string> result;
  std::set<ObjectKey> keys;
  for (auto& [identity, socket] : since)
    if (socket.outside) keys.insert(identity->now);
  if (keys.empty()) return result;
  auto ends = live_ends(holders, DescriptorKind::kSocket, keys);
  const auto live = by_key(ends);
  for (auto& entry : since) {
    const auto it = live.find(entry.first->now);
    if (auto sentence = passed_outside(holders, entry, it == live.end() ? -1 : it->second.front()->fd.get())) result.push_back(std::move(*sentence));
  }
  return result;
}

std::vector<std::string> compare_sockets(Holders holders, const Sockets& wanted) {
  std::vector<std::string> result;
  if (wanted.empty()) return result;
  std::set<ObjectKey> keys;
  for (auto& [identity, socket] : wanted) keys.insert(identity->now);
  auto ends = live_ends(holders, DescriptorKind::kSocket, keys);
  const auto live = by_key(ends);
  for (auto& [identity, socket] : wanted) {
    const auto it = live.find(identity->now);
    if (it == live.end() || socket.outside) continue;  // a closed one is told by the descriptor table
    const int fd = it->second.front()->fd.get();
    const auto name = [&, id = identity] { return "the socket at " + name_numbers(holders, id); };
    if (socket.queue_held)
      if (auto now = peek_queue(fd, socket.is_stream()); !now || *now != socket.queue) result.push_back("What is in flight to " + name() + " differs.");
    if (shutdown_of(fd, socket.family, socket.is_tcp()) != socket.shutdown) result.push_back("The shutdown of " + name() + " differs.");
    if (socket.waiting && !still_waits(socket, fd)) result.push_back("The connection of " + name() + " does not wait to be accepted.");
    if (socket.listening && !socket.strangers && applicants(fd, socket.family).size() != socket.applicants) result.push_back("What waits to be accepted at " + name() + " differs.");
    if (socket.reset && !has_error(fd)) result.push_back("The reset of " + name() + " is missing.");
    for (auto& [level, option_name, value] : socket.options)
      if (option(fd, level, option_name) != value) result.push_back("Option " + std::to_string(level) + "/" + std::to_string(option_name) + " of " + name() + " differs.");
    if (read_filter(fd) != socket.filter) result.push_back("The filter of " + name() + " differs.");
    if (socket.is_udp() && read_memberships(fd, socket.family, groups_of_network(holders[it->second.front()->holder].process->pid())) != socket.groups) result.push_back("The groups of " + name() + " differ.");
    if (chosen_buffer(fd, SO_RCVBUF) != socket.receive_buffer || chosen_buffer(fd, SO_SNDBUF) != socket.send_buffer) result.push_back("The size of a buffer of " + name() + " differs.");
    if (int_option(fd, SOL_SOCKET, SO_PEEK_OFF) != socket.peek_offset) result.push_back("The offset for peeking of " + name() + " differs.");
    if (int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != (socket.listening ? 1 : 0)) result.push_back("That " + name() + " listens, or does not, differs.");
  }
  for (auto& end : ends) {
    const auto& table = *holders[end.holder].table;
    const auto it = table.find(end.number);
    if (it != table.end() && it->second.is_stream() && it->second.identity->now == end.key && (it->second.flags ^ end.flags) & (O_APPEND | O_NONBLOCK))
      result.push_back("The flags of the socket at descriptor " + std::to_string(end.number) + " differ.");
  }
  return result;
}

}  // namespace rollpoint::resources
