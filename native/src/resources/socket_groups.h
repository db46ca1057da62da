// Multicast groups that a socket is a member of, and whom it listens to there. Knows no process but whose network it is.
#pragma once

#include <sys/types.h>

#include <compare>
#include <string>
#include <vector>

namespace rollpoint::resources {

struct Membership {
  unsigned interface = 0;  // index
  std::string group;  // as sockaddr
  unsigned mode = 0;  // MCAST_EXCLUDE, MCAST_INCLUDE
  std::vector<std::string> sources;  // as sockaddr, sorted
  auto operator<=>(const Membership&) const = default;
};
using Memberships = std::vector<Membership>;  // sorted

/// Groups that anybody in the network of process `pid` is a member of: interface and group, IPv4 and IPv6.
Memberships groups_of_network(pid_t pid);
/// Of `candidates` those of the socket. The kernel lists nobody's, but answers for each (MCAST_MSFILTER).
Memberships read_memberships(int fd, int family, const Memberships& candidates);
/// False where some could not be joined or left.
bool restore_memberships(int fd, const Memberships& now, const Memberships& wanted);

}  // namespace rollpoint::resources
