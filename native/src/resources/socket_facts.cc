#include "resources/socket_facts.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "util/unique_fd.h"

namespace rollpoint::resources {

namespace {

// In the order in which they are set. Sizes of buffers grow by themselves, and are not among them.
constexpr std::pair<int, int> kOptions[] = {
    {SOL_SOCKET, SO_REUSEADDR},   {SOL_SOCKET, SO_REUSEPORT},   {SOL_SOCKET, SO_KEEPALIVE},      {SOL_SOCKET, SO_BROADCAST},
    {SOL_SOCKET, SO_LINGER},      {SOL_SOCKET, SO_RCVTIMEO},    {SOL_SOCKET, SO_SNDTIMEO},       {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_OOBINLINE},   {SOL_SOCKET, SO_PASSCRED},    {SOL_SOCKET, SO_PASSSEC},        {SOL_SOCKET, SO_PRIORITY},
    {SOL_SOCKET, SO_TIMESTAMP},   {SOL_SOCKET, SO_TIMESTAMPNS}, {SOL_SOCKET, SO_DONTROUTE},      {SOL_SOCKET, SO_RXQ_OVFL},
    {SOL_SOCKET, SO_BUSY_POLL},   {SOL_SOCKET, SO_ZEROCOPY},    {SOL_SOCKET, SO_MARK},           {SOL_SOCKET, SO_BINDTODEVICE},
    {SOL_SOCKET, SO_MAX_PACING_RATE}, {SOL_SOCKET, SO_SELECT_ERR_QUEUE}, {SOL_SOCKET, SO_TIMESTAMPING},
    {IPPROTO_TCP, TCP_NODELAY},   {IPPROTO_TCP, TCP_CORK},      {IPPROTO_TCP, TCP_KEEPIDLE},     {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},   {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_SYNCNT},    {IPPROTO_TCP, TCP_LINGER2},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT}, {IPPROTO_TCP, TCP_CONGESTION}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT}, {IPPROTO_TCP, TCP_FASTOPEN},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS}, {IPPROTO_TCP, TCP_SAVE_SYN}, {IPPROTO_TCP, TCP_INQ},
    {IPPROTO_UDP, UDP_CORK},      {IPPROTO_UDP, UDP_SEGMENT},   {IPPROTO_UDP, UDP_GRO},
    {IPPROTO_IP, IP_TOS},         {IPPROTO_IP, IP_TTL},         {IPPROTO_IP, IP_PKTINFO},        {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IP, IP_RECVTTL},     {IPPROTO_IP, IP_RECVTOS},     {IPPROTO_IP, IP_MTU_DISCOVER},   {IPPROTO_IP, IP_FREEBIND},
    {IPPROTO_IP, IP_MINTTL},      {IPPROTO_IP, IP_MULTICAST_TTL}, {IPPROTO_IP, IP_MULTICAST_LOOP}, {IPPROTO_IP, IP_MULTICAST_IF},
    {IPPROTO_IP, IP_MULTICAST_ALL}, {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
    {IPPROTO_IP, IP_TRANSPARENT}, {IPPROTO_IP, IP_RECVORIGDSTADDR}, {IPPROTO_IP, IP_UNICAST_IF}, {IPPROTO_IP, IP_RECVOPTS},
    {IPPROTO_IPV6, IPV6_V6ONLY},  {IPPROTO_IPV6, IPV6_UNICAST_HOPS}, {IPPROTO_IPV6, IPV6_TCLASS}, {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, IPV6_RECVERR}, {IPPROTO_IPV6, IPV6_RECVHOPLIMIT}, {IPPROTO_IPV6, IPV6_RECVTCLASS}, {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS}, {IPPROTO_IPV6, IPV6_MULTICAST_LOOP}, {IPPROTO_IPV6, IPV6_MULTICAST_IF},
    {IPPROTO_IPV6, IPV6_MULTICAST_ALL}, {IPPROTO_IPV6, IPV6_FREEBIND}, {IPPROTO_IPV6, IPV6_DONTFRAG}, {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL},
    {IPPROTO_IPV6, IPV6_RECVPATHMTU}, {IPPROTO_IPV6, IPV6_ADDR_PREFERENCES}, {IPPROTO_IPV6, IPV6_UNICAST_IF},
};

template <class Call>
std::string address_by(Call call, int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  return call(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 ? std::string(reinterpret_cast<const char*>(&address), length) : std::string();
}

sockaddr_storage unpack(const std::string& address) {
  sockaddr_storage storage{};
  memcpy(&storage, address.data(), std::min(address.size(), sizeof storage));
  return storage;
}

// One question to the kernel about one socket. The size of the answer, 0 where there is none.
template <class Request>
size_t ask(uint16_t type, const Request& request, char* reply, size_t size) {
  const util::UniqueFd diag(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!diag) return 0;
  struct {
    nlmsghdr header;
    Request request;
  } message{{sizeof message, type, NLM_F_REQUEST, 1, 0}, request};
  if (send(diag.get(), &message, sizeof message, 0) < 0) return 0;
  const ssize_t got = recv(diag.get(), reply, size, MSG_DONTWAIT);  // answered within send()
  const auto* header = reinterpret_cast<const nlmsghdr*>(reply);
  return got >= static_cast<ssize_t>(sizeof *header) && header->nlmsg_type == type ? std::min<size_t>(header->nlmsg_len, static_cast<size_t>(got)) : 0;
}

bool hung_up(int fd) {
  pollfd events{fd, POLLRDHUP, 0};
  return poll(&events, 1, 0) > 0 && events.revents & (POLLRDHUP | POLLHUP);
}

}  // namespace

std::string local_address(int fd) { return address_by(getsockname, fd); }
std::string peer_address(int fd) { return address_by(getpeername, fd); }

int port_of(const std::string& address) {
  const auto storage = unpack(address);
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  return storage.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port) : 0;
}

std::string with_port(std::string address, int port) {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  const in_port_t wanted = htons(static_cast<uint16_t>(port));
  if (address.size() >= offsetof(sockaddr_in, sin_port) + sizeof wanted) memcpy(address.data() + offsetof(sockaddr_in, sin_port), &wanted, sizeof wanted);
  return address;
}

std::string address_text(const std::string& address) {
  const auto storage = unpack(address);
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(port_of(address));
  }
  if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(port_of(address));
  }
  constexpr size_t kPath = offsetof(sockaddr_un, sun_path);
  if (storage.ss_family != AF_UNIX || address.size() <= kPath) return "an unnamed socket";
  if (address[kPath] == 0) return "@" + address.substr(kPath + 1);
  return path_of(address);
}

std::string path_of(const std::string& address) {
  constexpr size_t kPath = offsetof(sockaddr_un, sun_path);
  if (unpack(address).ss_family != AF_UNIX || address.size() <= kPath) return {};
  return std::string(address.c_str() + kPath);
}

std::optional<std::string> option(int fd, int level, int name) {
  char value[64];
  socklen_t length = sizeof value;
  if (getsockopt(fd, level, name, value, &length) < 0) return std::nullopt;
  return std::string(value, length);
}

int int_option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

std::vector<SocketOption> read_options(int fd, int family, int type) {
  std::vector<SocketOption> options;
  const bool inet = family == AF_INET || family == AF_INET6;
  for (auto [level, name] : kOptions) {
    if (level == IPPROTO_TCP && !(inet && type == SOCK_STREAM)) continue;
    if (level == IPPROTO_UDP && !(inet && type == SOCK_DGRAM)) continue;
    if (level == IPPROTO_IP && !inet) continue;
    if (level == IPPROTO_IPV6 && family != AF_INET6) continue;
    if (auto value = option(fd, level, name)) options.push_back({level, name, std::move(*value)});
  }
  return options;
}

std::optional<UnixFacts> unix_facts(ino_t inode) {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_ino = static_cast<uint32_t>(inode);
  request.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_VFS | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN;
  request.udiag_cookie[0] = request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  alignas(nlmsghdr) char reply[1 << 15];
  const size_t size = ask(SOCK_DIAG_BY_FAMILY, request, reply, sizeof reply);
  if (size == 0) return std::nullopt;
  UnixFacts facts;
  for (size_t at = NLMSG_LENGTH(sizeof(unix_diag_msg)); at + NLA_HDRLEN <= size;) {
    nlattr attribute;
    memcpy(&attribute, reply + at, sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > size) break;
    const char* data = reply + at + NLA_HDRLEN;
    if (attribute.nla_type == UNIX_DIAG_PEER) {
      uint32_t peer;
      memcpy(&peer, data, sizeof peer);
      facts.peer = peer;
    } else if (attribute.nla_type == UNIX_DIAG_SHUTDOWN) {
      facts.shutdown = *data;
    } else if (attribute.nla_type == UNIX_DIAG_ICONS) {
      for (size_t i = NLA_HDRLEN; i + sizeof(uint32_t) <= attribute.nla_len; i += sizeof(uint32_t)) {
        uint32_t client;
        memcpy(&client, reply + at + i, sizeof client);
        facts.applicants.push_back(client);
      }
    } else if (attribute.nla_type == UNIX_DIAG_RQLEN) {
      unix_diag_rqlen length;
      memcpy(&length, data, sizeof length);
      facts.backlog = static_cast<int>(length.udiag_wqueue);
    } else if (attribute.nla_type == UNIX_DIAG_VFS) {
      unix_diag_vfs file;
      memcpy(&file, data, sizeof file);
      // The kernel's own form of a device number, 12 bits above 20.
      facts.name = {makedev(file.udiag_vfs_dev >> 20, file.udiag_vfs_dev & 0xfffff), file.udiag_vfs_ino};
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  return facts;
}

std::optional<TcpFacts> tcp_facts(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return std::nullopt;
  TcpFacts facts;
  facts.state = info.tcpi_state;
  if (facts.state == 10) {  // TCP_LISTEN: some fields have another meaning (tcp_get_info)
    facts.backlog = static_cast<int>(info.tcpi_sacked);
    return facts;
  }
  ioctl(fd, SIOCOUTQNSD, &facts.unsent);
  facts.sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + static_cast<uint64_t>(facts.unsent);
  // TCP_TIME_WAIT 6, TCP_CLOSE 7, TCP_CLOSE_WAIT 8, TCP_LAST_ACK 9, TCP_CLOSING 11: the other side has ended its stream,
  // and the end counts as a byte.
  facts.received = info.tcpi_bytes_received - (info.tcpi_bytes_received > 0 && facts.state >= 6 ? 1 : 0);
  return facts;
}

namespace {

std::optional<inet_diag_msg> tcp_socket_at(const std::string& local, const std::string& peer) {
  const auto ours = unpack(local), theirs = unpack(peer);
  inet_diag_req_v2 request{};
  request.sdiag_family = static_cast<uint8_t>(ours.ss_family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0u;
  request.id.idiag_sport = htons(static_cast<uint16_t>(port_of(local)));
  request.id.idiag_dport = htons(static_cast<uint16_t>(port_of(peer)));
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  auto fill = [](const sockaddr_storage& from, uint32_t (&to)[4]) {
    if (from.ss_family == AF_INET) memcpy(to, &reinterpret_cast<const sockaddr_in&>(from).sin_addr, 4);
    else memcpy(to, &reinterpret_cast<const sockaddr_in6&>(from).sin6_addr, 16);
  };
  fill(ours, request.id.idiag_src);
  fill(theirs, request.id.idiag_dst);
  alignas(nlmsghdr) char reply[4096];
  const size_t size = ask(SOCK_DIAG_BY_FAMILY, request, reply, sizeof reply);
  if (size < NLMSG_LENGTH(sizeof(inet_diag_msg))) return std::nullopt;
  inet_diag_msg answer;
  memcpy(&answer, reply + NLMSG_HDRLEN, sizeof answer);
  return answer;
}

}  // namespace

std::optional<ino_t> tcp_owner(const std::string& local, const std::string& peer) {
  const auto answer = tcp_socket_at(local, peer);
  if (!answer || answer->idiag_state == 10) return std::nullopt;  // a listener answers for connections that are not there
  return answer->idiag_inode;
}

bool tcp_lingers(const std::string& local, const std::string& peer) {
  const auto answer = tcp_socket_at(local, peer);
  return answer && answer->idiag_state == 6;  // TCP_TIME_WAIT
}

bool tcp_listens(const std::string& local) {
  const auto answer = tcp_socket_at(local, with_port(local, 0));
  return answer && answer->idiag_state == 10;
}

// A connection that nobody has accepted belongs to no inode. One that its owner has closed is in another state by then.
std::vector<ino_t> applicants(int listener, int family) {
  struct stat info {};
  pollfd state{listener, POLLIN, 0};
  if (poll(&state, 1, 0) <= 0) return {};  // most often; to ask the kernel for all connections is slow
  if (family == AF_UNIX) {
    auto facts = fstat(listener, &info) == 0 ? unix_facts(info.st_ino) : std::nullopt;
    return facts ? std::move(facts->applicants) : std::vector<ino_t>();
  }
  std::vector<ino_t> result;
  const auto local = local_address(listener);
  const util::UniqueFd diag(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header = {sizeof message, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0};
  message.request.sdiag_family = static_cast<uint8_t>(family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1 << 1 | 1 << 8;  // TCP_ESTABLISHED, TCP_CLOSE_WAIT
  message.request.id.idiag_sport = htons(static_cast<uint16_t>(port_of(local)));
  if (send(diag.get(), &message, sizeof message, 0) < 0) return result;
  alignas(nlmsghdr) char reply[1 << 15];
  for (;;) {
    auto left = static_cast<unsigned>(std::max<ssize_t>(0, recv(diag.get(), reply, sizeof reply, MSG_DONTWAIT)));
    if (left == 0) return result;
    for (auto* header = reinterpret_cast<const nlmsghdr*>(reply); NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return result;
      inet_diag_msg answer;
      memcpy(&answer, NLMSG_DATA(header), sizeof answer);
      if (answer.idiag_inode) continue;
      sockaddr_in6 ours{}, theirs{};
      ours.sin6_family = theirs.sin6_family = answer.idiag_family;
      ours.sin6_port = answer.id.idiag_sport;
      theirs.sin6_port = answer.id.idiag_dport;
      for (auto [address, bytes] : {std::pair{&ours, answer.id.idiag_src}, std::pair{&theirs, answer.id.idiag_dst}}) {
        if (answer.idiag_family == AF_INET) memcpy(&reinterpret_cast<sockaddr_in*>(address)->sin_addr, bytes, 4);
        else memcpy(&address->sin6_addr, bytes, 16);
      }
      const auto pack = [](const sockaddr_in6& address) { return std::string(reinterpret_cast<const char*>(&address), sizeof address); };
      result.push_back(tcp_owner(pack(theirs), pack(ours)).value_or(0));
    }
  }
}

int shutdown_of(int fd, int family, bool tcp) {
  if (family == AF_UNIX) {
    struct stat info {};
    const auto facts = fstat(fd, &info) == 0 ? unix_facts(info.st_ino) : std::nullopt;
    return facts ? facts->shutdown : 0;
  }
  const auto facts = tcp ? tcp_facts(fd) : std::nullopt;
  if (!facts || facts->state == 10) return 0;
  // TCP_FIN_WAIT1 4, TCP_FIN_WAIT2 5, TCP_TIME_WAIT 6, TCP_CLOSE 7, TCP_LAST_ACK 9, TCP_CLOSING 11.
  const int state = facts->state;
  const bool written_off = (state >= 4 && state <= 7) || state == 9 || state == 11;
  return (hung_up(fd) ? 1 : 0) | (written_off ? 2 : 0);
}

}  // namespace rollpoint::resources
