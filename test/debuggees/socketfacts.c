// What sockets have besides what is in flight: "options", "urgent" data that waits, an "error" that waits to be told.
#include "state.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

static const char* what;
static int one = -1, other = -1;

typedef struct {
  const char* name;
  int socket, level, option;
  long first, second;  // two values; of a time and of lingering: seconds
} Option;

enum { kTcp, kUdp, kTcp6, kUdp6, kUnix, kListener, kSockets };
static int sockets[kSockets];
#define OF(socket, level, option, first, second) {#option, socket, level, option, first, second}
static const Option options[] = {
    OF(kTcp, SOL_SOCKET, SO_REUSEADDR, 1, 0),       OF(kTcp, SOL_SOCKET, SO_KEEPALIVE, 1, 0),       OF(kTcp, SOL_SOCKET, SO_LINGER, 5, 9),
    OF(kTcp, SOL_SOCKET, SO_RCVTIMEO, 3, 70),       OF(kTcp, SOL_SOCKET, SO_SNDTIMEO, 4, 80),       OF(kTcp, SOL_SOCKET, SO_RCVLOWAT, 5, 6),
    OF(kTcp, SOL_SOCKET, SO_OOBINLINE, 1, 0),       OF(kTcp, SOL_SOCKET, SO_RCVBUF, 40000, 80000),  OF(kTcp, SOL_SOCKET, SO_SNDBUF, 50000, 90000),
    OF(kTcp, IPPROTO_TCP, TCP_NODELAY, 1, 0),       OF(kTcp, IPPROTO_TCP, TCP_CORK, 0, 1),          OF(kTcp, IPPROTO_TCP, TCP_KEEPIDLE, 11, 12),
    OF(kTcp, IPPROTO_TCP, TCP_KEEPINTVL, 13, 14),   OF(kTcp, IPPROTO_TCP, TCP_KEEPCNT, 3, 4),       OF(kTcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000, 2000),
    OF(kTcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 100, 200), OF(kTcp, IPPROTO_IP, IP_TOS, 8, 16),        OF(kTcp, IPPROTO_IP, IP_TTL, 30, 40),
    OF(kUdp, SOL_SOCKET, SO_BROADCAST, 1, 0),       OF(kUdp, SOL_SOCKET, SO_TIMESTAMP, 1, 0),       OF(kUdp, SOL_SOCKET, SO_RXQ_OVFL, 1, 0),
    OF(kUdp, IPPROTO_IP, IP_PKTINFO, 1, 0),         OF(kUdp, IPPROTO_IP, IP_RECVERR, 1, 0),         OF(kUdp, IPPROTO_IP, IP_RECVTTL, 0, 1),
    OF(kUdp, IPPROTO_IP, IP_MTU_DISCOVER, 2, 0),    OF(kUdp, IPPROTO_IP, IP_MULTICAST_TTL, 4, 7),   OF(kUdp, IPPROTO_IP, IP_MULTICAST_LOOP, 0, 1),
    OF(kUdp, IPPROTO_UDP, UDP_SEGMENT, 500, 700),   OF(kUdp, IPPROTO_UDP, UDP_GRO, 1, 0),           OF(kUdp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9, 10),
    OF(kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3, 4), OF(kUdp6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 0), OF(kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, 1),
    OF(kTcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1, 0),     OF(kTcp6, IPPROTO_IPV6, IPV6_TCLASS, 4, 8),     OF(kUnix, SOL_SOCKET, SO_PASSCRED, 1, 0),
    OF(kListener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3, 0), OF(kListener, SOL_SOCKET, SO_REUSEPORT, 1, 0),
};
enum { kOptions = sizeof options / sizeof *options };
static char first[kOptions][64], second[kOptions][64];
static socklen_t lengths[kOptions];

static void put(int i, long value) {
  const Option* o = &options[i];
  const int number = (int)value;
  const struct timeval time = {value, 0};
  const struct linger linger = {1, number};
  const void* data = &number;
  socklen_t length = sizeof number;
  if (o->level == SOL_SOCKET && (o->option == SO_RCVTIMEO || o->option == SO_SNDTIMEO)) data = &time, length = sizeof time;
  if (o->level == SOL_SOCKET && o->option == SO_LINGER) data = &linger, length = sizeof linger;
  must(o->name, setsockopt(sockets[o->socket], o->level, o->option, data, length));
}

static void get(int i, char* to) {
  lengths[i] = 64;
  memset(to, 0, 64);
  must(options[i].name, getsockopt(sockets[options[i].socket], options[i].level, options[i].option, to, &lengths[i]));
}

static void holds(const char wanted[kOptions][64]) {
  char now[64];
  for (int i = 0; i < kOptions; ++i) {
    get(i, now);
    check_bytes(options[i].name, now, wanted[i], lengths[i]);
  }
}

static int listener(void) {
  const int fd = (int)must("socket", socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  must("bind", bind(fd, (struct sockaddr*)&address, sizeof address));
  must("listen", listen(fd, 4));
  return fd;
}

static struct sockaddr_in address_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  must("getsockname", getsockname(fd, (struct sockaddr*)&address, &length));
  return address;
}

static void connect_two(void) {
  const int server = listener();
  const struct sockaddr_in address = address_of(server);
  one = (int)must("socket", socket(AF_INET, SOCK_STREAM, 0));
  must("connect", connect(one, (const struct sockaddr*)&address, sizeof address));
  other = (int)must("accept", accept(server, NULL, NULL));
  close(server);
}

static void await(const char* name, int fd, short events) {
  struct pollfd state = {fd, events, 0};
  check(name, poll(&state, 1, 20000), 1);
}

void set_up(void) {
  what = state_argc ? state_argv[0] : "";
  if (strcmp(what, "options") == 0) {
    const int kinds[kSockets][2] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_STREAM}, {AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_DGRAM}, {0, 0}};
    for (int i = 0; i < kListener; ++i) sockets[i] = (int)must("socket", socket(kinds[i][0], kinds[i][1], 0));
    sockets[kListener] = listener();
    for (int i = 0; i < kOptions; ++i) {
      put(i, options[i].first);
      get(i, first[i]);
    }
  } else if (strcmp(what, "urgent") == 0) {
    connect_two();
    check("send", send(one, "before", 6, 0), 6);
    check("send", send(one, "!", 1, MSG_OOB), 1);
    await("urgent", other, POLLPRI);
  } else if (strcmp(what, "error") == 0) {
    const int server = listener();
    const struct sockaddr_in address = address_of(server);
    close(server);
    one = (int)must("socket", socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    check("connect", connect(one, (const struct sockaddr*)&address, sizeof address), -1);
    await("error", one, POLLOUT);
  } else {
    state_fail(what, "is no part of this program");
  }
}

void check_original(void) {
  if (strcmp(what, "options") == 0) {
    holds(first);
  } else if (strcmp(what, "urgent") == 0) {
    char text[8] = {0};
    check("urgent", recv(other, text, 1, MSG_OOB), 1);
    check_text("urgent", text, "!");
    check("before it", recv(other, text, 7, 0), 6);
  } else {
    int error = 0;
    socklen_t length = sizeof error;
    must("SO_ERROR", getsockopt(one, SOL_SOCKET, SO_ERROR, &error, &length));
    check("the error that waited", error, ECONNREFUSED);
  }
}

void change(void) {
  if (strcmp(what, "options") != 0) return;
  for (int i = 0; i < kOptions; ++i) {
    put(i, options[i].second);
    get(i, second[i]);
    check_true(options[i].name, memcmp(first[i], second[i], 64) != 0);
  }
}

void check_changed(void) {
  if (strcmp(what, "options") == 0) holds(second);
}

void change_otherwise(void) {
  for (int i = 0; i < kListener; ++i) must("close", close(sockets[i]));
}
