#include "resources/socket_groups.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>

namespace rollpoint::resources {

namespace {

constexpr size_t kMostSources = 128;

template <class Address>
std::string pack(const Address& address) {
  return std::string(reinterpret_cast<const char*>(&address), sizeof address);
}

sockaddr_storage unpack(const std::string& address) {
  sockaddr_storage storage{};
  memcpy(&storage, address.data(), std::min(address.size(), sizeof storage));
  return storage;
}

std::string packed(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return pack(address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = reinterpret_cast<const sockaddr_in&>(storage).sin_addr;
  return pack(address);
}

int family_of(const Membership& membership) { return unpack(membership.group).ss_family; }
int level_of(const Membership& membership) { return family_of(membership) == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP; }

bool set_sources(int fd, const Membership& membership) {
  std::string text(GROUP_FILTER_SIZE(membership.sources.size()), '\0');
  auto* filter = reinterpret_cast<group_filter*>(text.data());
  filter->gf_interface = membership.interface;
  filter->gf_group = unpack(membership.group);
  filter->gf_fmode = membership.mode;
  filter->gf_numsrc = static_cast<uint32_t>(membership.sources.size());
  for (size_t i = 0; i < membership.sources.size(); ++i) filter->gf_slist[i] = unpack(membership.sources[i]);
  return setsockopt(fd, level_of(membership), MCAST_MSFILTER, text.data(), static_cast<socklen_t>(text.size())) == 0;
}

bool change(int fd, int how, const Membership& membership) {
  group_req request{};
  request.gr_interface = membership.interface;
  request.gr_group = unpack(membership.group);
  return setsockopt(fd, level_of(membership), how, &request, sizeof request) == 0;
}

}  // namespace

// Lines of an interface, "1 lo : 1 V3", are followed by those of its groups, whose address is written as a number of this
// machine's (net/ipv4/igmp.c); IPv6 has one line for each group.
Memberships groups_of_network(pid_t pid) {
  Memberships groups;
  const std::string base = "/proc/" + std::to_string(pid) + "/net/";
  std::ifstream four(base + "igmp"), six(base + "igmp6");
  unsigned interface = 0;
  for (std::string line; std::getline(four, line);) {
    unsigned address = 0, users = 0;
    if (!line.starts_with('\t')) {
      interface = static_cast<unsigned>(atoi(line.c_str()));
    } else if (sscanf(line.c_str(), " %8x %u", &address, &users) == 2 && address != htonl(INADDR_ALLHOSTS_GROUP)) {
      sockaddr_in group{};
      group.sin_family = AF_INET;
      group.sin_addr.s_addr = address;
      groups.push_back({interface, pack(group), 0, {}});
    }
  }
  for (std::string line; std::getline(six, line);) {
    char digits[33] = {};
    if (sscanf(line.c_str(), "%u %*s %32[0-9a-f]", &interface, digits) != 2 || strlen(digits) != 32) continue;
    sockaddr_in6 group{};
    group.sin6_family = AF_INET6;
    for (size_t i = 0; i < 16; ++i) sscanf(digits + 2 * i, "%2hhx", &group.sin6_addr.s6_addr[i]);
    groups.push_back({interface, pack(group), 0, {}});
  }
  return groups;
}

Memberships read_memberships(int fd, int family, const Memberships& candidates) {
  Memberships result;
  std::string text(GROUP_FILTER_SIZE(kMostSources), '\0');
  for (Membership membership : candidates) {
    if (family_of(membership) == AF_INET6 && family != AF_INET6) continue;
    auto* filter = reinterpret_cast<group_filter*>(text.data());
    filter->gf_interface = membership.interface;
    filter->gf_group = unpack(membership.group);
    filter->gf_numsrc = kMostSources;
    auto length = static_cast<socklen_t>(text.size());
    if (getsockopt(fd, level_of(membership), MCAST_MSFILTER, text.data(), &length) < 0) continue;
    membership.mode = filter->gf_fmode;
    for (size_t i = 0; i < std::min<size_t>(filter->gf_numsrc, kMostSources); ++i) membership.sources.push_back(packed(filter->gf_slist[i]));
    std::sort(membership.sources.begin(), membership.sources.end());
    result.push_back(std::move(membership));
  }
  std::sort(result.begin(), result.end());
  return result;
}

bool restore_memberships(int fd, const Memberships& now, const Memberships& wanted) {
  const auto place = [](const Membership& membership) { return std::pair(membership.interface, membership.group); };
  std::set<std::pair<unsigned, std::string>> before, after;
  for (auto& membership : now) before.insert(place(membership));
  for (auto& membership : wanted) after.insert(place(membership));
  bool whole = true;
  for (auto& membership : now)
    if (!after.contains(place(membership))) whole &= change(fd, MCAST_LEAVE_GROUP, membership);
  for (auto& membership : wanted) {
    if (std::find(now.begin(), now.end(), membership) != now.end()) continue;
    if (!before.contains(place(membership)) && !change(fd, MCAST_JOIN_GROUP, membership)) whole = false;
    // A group is joined to hear everybody.
    else if ((membership.mode != MCAST_EXCLUDE || !membership.sources.empty() || before.contains(place(membership))) && !set_sources(fd, membership)) whole = false;
  }
  return whole;
}

}  // namespace rollpoint::resources
