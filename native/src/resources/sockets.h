// Sockets of the process tree, as a snapshot keeps them: what is in flight between two of them, shutdown, options, names.
// Connections that lead out of the tree are left as they are and told. Knows nothing of pipes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/socket_facts.h"
#include "resources/socket_filter.h"
#include "resources/socket_groups.h"
#include "resources/socket_queue.h"
#include "resources/stream_ends.h"

namespace rollpoint::resources {

struct Socket {
  int family = 0, type = 0, protocol = 0;
  std::string local, peer;  // as sockaddr, empty where there is none
  bool listening = false;
  int backlog = 0;
  size_t applicants = 0;   // of a listener: connections that wait to be accepted
  bool strangers = false;  // some of them from other processes, or closed already
  SharedIdentity partner;  // the other end, where it is in the tree
  bool widowed = false;    // the other end was closed before
  bool reset = false;      // and with bytes that it had not read
  bool waiting = false;    // nobody has accepted it yet
  SharedIdentity listener;  // where it waits
  size_t place = 0;         // how many are before it
  bool outside = false;    // the other end belongs to another process
  bool standard = false;   // it is open at 0 to 2 only
  int shutdown = 0;        // 1 for reading, 2 for writing
  uint64_t sent = 0, received = 0;  // bytes, of a TCP connection
  bool queue_held = false;
  Queue queue;
  std::vector<SocketOption> options;
  SocketFilter filter;
  Memberships groups;  // of a UDP socket
  int receive_buffer = 0, send_buffer = 0;  // bytes, where the program has chosen
  std::string directory;  // what the path of a unix socket is relative to
  mode_t mode = 0;        // of its file; 0: it has none any more
  int peek_offset = -1;

  bool is_stream() const;
  bool is_inet() const;
  bool is_tcp() const;
  bool is_udp() const;
  bool is_connection() const { return partner || widowed || waiting || outside; }
};

using Sockets = std::map<SharedIdentity, Socket>;

Sockets read_sockets(Holders holders, util::Warnings& warnings);
/// In words, how the live sockets differ.
std::vector<std::string> compare_sockets(Holders holders, const Sockets& wanted);

/// Sentences on what has passed out of the program since, if anything: no rollback takes it back.
std::vector<std::string> passed_outside(Holders holders, const Sockets& since);
/// The same for one of them. `fd` is -1 where it is closed.
std::optional<std::string> passed_outside(Holders holders, const Sockets::value_type& since, int fd);

/// A connection that is still waiting to be accepted, as `socket` was.
bool still_waits(const Socket& socket, int fd);
/// The file that a unix socket is bound to, as a path from the root; empty where it has none.
std::string file_of(const Socket& socket);
/// The size that the program has chosen for a buffer (SO_RCVBUF, SO_SNDBUF), 0 where the kernel chooses.
int chosen_buffer(int fd, int name);
std::string plural(uint64_t n, const char* one);

}  // namespace rollpoint::resources
