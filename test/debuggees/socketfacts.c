// What sockets have besides what is in flight: "options", multicast "groups", "filter"s, "ebpf" programs, "urgent" data that waits, an "error" that waits to be told.
#include "state.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <net/if.h>
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
    OF(kTcp, SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 20, 1 << 21), OF(kTcp, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1, 0),
    OF(kTcp, IPPROTO_TCP, TCP_INQ, 0, 1),           OF(kListener, IPPROTO_TCP, TCP_SAVE_SYN, 1, 0),
    OF(kUdp, IPPROTO_IP, IP_RECVORIGDSTADDR, 1, 0), OF(kUdp, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1, 0), OF(kUdp, SOL_SOCKET, SO_TIMESTAMPING, 16, 24),
    OF(kUdp6, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, 1), OF(kUdp6, IPPROTO_IPV6, IPV6_DONTFRAG, 1, 0), OF(kUdp6, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 1, 0),
    OF(kUdp6, IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, 1, 2), OF(kUdp6, IPPROTO_IPV6, IPV6_FREEBIND, 1, 0),
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

enum { kLeaves, kJoins, kCloses, kChooses, kSix, kMembers };
static int members[kMembers];

static struct sockaddr_storage group_of(int i) {
  struct sockaddr_storage group = {0};
  if (i == kSix) {
    struct sockaddr_in6* six = (struct sockaddr_in6*)&group;
    six->sin6_family = AF_INET6;
    six->sin6_addr.s6_addr[0] = 0xff;
    six->sin6_addr.s6_addr[1] = 0x01;
    six->sin6_addr.s6_addr[15] = 77;
  } else {
    struct sockaddr_in* four = (struct sockaddr_in*)&group;
    four->sin_family = AF_INET;
    four->sin_addr.s_addr = htonl(0xef4d0100u + (unsigned)i);
  }
  return group;
}

static int level_of(int i) { return i == kSix ? IPPROTO_IPV6 : IPPROTO_IP; }

static void member(int i, int how) {
  struct group_req request = {.gr_interface = if_nametoindex("lo"), .gr_group = group_of(i)};
  must("group", setsockopt(members[i], level_of(i), how, &request, sizeof request));
}

/** From one sender only. */
static void choose(int i, unsigned sender) {
  struct group_filter filter = {.gf_interface = if_nametoindex("lo"), .gf_group = group_of(i), .gf_fmode = MCAST_INCLUDE, .gf_numsrc = 1};
  struct sockaddr_in* source = (struct sockaddr_in*)&filter.gf_slist[0];
  source->sin_family = AF_INET;
  source->sin_addr.s_addr = htonl(sender);
  must("MCAST_MSFILTER", setsockopt(members[i], IPPROTO_IP, MCAST_MSFILTER, &filter, sizeof filter));
}

/** The one sender, 0 for everybody, -1 where it is no member. */
static long listens_to(int i) {
  struct group_filter filter = {.gf_interface = if_nametoindex("lo"), .gf_group = group_of(i), .gf_numsrc = 1};
  socklen_t length = sizeof filter;
  if (getsockopt(members[i], level_of(i), MCAST_MSFILTER, &filter, &length) < 0) return -1;
  if (filter.gf_fmode == MCAST_EXCLUDE) return filter.gf_numsrc == 0 ? 0 : -2;
  return filter.gf_numsrc == 1 ? (long)ntohl(((struct sockaddr_in*)&filter.gf_slist[0])->sin_addr.s_addr) : -3;
}

static void set_up_groups(void) {
  for (int i = 0; i < kMembers; ++i) members[i] = (int)must("socket", socket(i == kSix ? AF_INET6 : AF_INET, SOCK_DGRAM, 0));
  for (int i = 0; i < kMembers; ++i)
    if (i != kJoins) member(i, MCAST_JOIN_GROUP);
  choose(kChooses, 0x7f000002);
}

static void groups_are_original(void) {
  check("leaves", listens_to(kLeaves), 0);
  check("joins", listens_to(kJoins), -1);
  check("closes", listens_to(kCloses), 0);
  check("chooses", listens_to(kChooses), 0x7f000002);
  check("IPv6", listens_to(kSix), 0);
}

static void change_groups(void) {
  member(kLeaves, MCAST_LEAVE_GROUP);
  member(kJoins, MCAST_JOIN_GROUP);
  close(members[kCloses]);
  choose(kChooses, 0x7f000003);
  member(kSix, MCAST_LEAVE_GROUP);
}

static void groups_are_changed(void) {
  check("left", listens_to(kLeaves), -1);
  check("joined", listens_to(kJoins), 0);
  check("closed", listens_to(kCloses), -1);
  check("chooses", listens_to(kChooses), 0x7f000003);
  check("IPv6", listens_to(kSix), -1);
}

enum { kGets, kLoses, kShuts, kFiltered };
static int filtered[kFiltered][2];

/** Lets through what does not begin with `byte`. */
static void filter_out(int fd, char byte) {
  struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned char)byte, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffff)};
  const struct sock_fprog program = {sizeof code / sizeof *code, code};
  must("SO_ATTACH_FILTER", setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

/** What comes through of "a", "b" and "c", after what waits. */
static void comes_through(const char* name, int pair, const char* wanted) {
  char text[8] = {0};
  for (const char* byte = "abc"; *byte; ++byte) (void)!send(filtered[pair][0], byte, 1, 0);
  for (size_t i = 0; i < 7 && recv(filtered[pair][1], text + i, 1, MSG_DONTWAIT) == 1; ++i) continue;
  check_text(name, text, wanted);
}

static void set_up_filters(void) {
  for (int i = 0; i < kFiltered; ++i) must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, filtered[i]));
  check("send", send(filtered[kLoses][0], "b", 1, 0), 1);  // waits since before there was a filter
  filter_out(filtered[kLoses][1], 'b');
  filter_out(filtered[kShuts][1], 'a');
}

static void filters_are_original(void) {
  comes_through("gets", kGets, "abc");
  comes_through("loses", kLoses, "bac");
  comes_through("shuts", kShuts, "bc");
}

static void change_filters(void) {
  const int unused = 0;
  filter_out(filtered[kGets][1], 'c');
  must("SO_DETACH_FILTER", setsockopt(filtered[kLoses][1], SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused));
  close(filtered[kShuts][0]);
  close(filtered[kShuts][1]);
}

static void filters_are_changed(void) {
  comes_through("gets", kGets, "ab");
  comes_through("loses", kLoses, "abc");
}

/** 1 where this user may have a program of the kernel's at a socket, and has it. */
int attached;

static void attach_program(void) {
  // r0 = -1: all comes through.
  const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .insns = (unsigned long)code, .license = (unsigned long)"GPL"};
  must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, filtered[0]));
  const int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
  if (program < 0) return;
  must("SO_ATTACH_BPF", setsockopt(filtered[0][1], SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program));
  close(program);
  attached = 1;
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
  } else if (strcmp(what, "groups") == 0) {
    set_up_groups();
  } else if (strcmp(what, "filter") == 0) {
    set_up_filters();
  } else if (strcmp(what, "ebpf") == 0) {
    attach_program();
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
  } else if (strcmp(what, "groups") == 0) {
    groups_are_original();
  } else if (strcmp(what, "filter") == 0) {
    filters_are_original();
  } else if (strcmp(what, "ebpf") == 0) {
    comes_through("program", 0, "abc");
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
  if (strcmp(what, "groups") == 0) change_groups();
  if (strcmp(what, "filter") == 0) change_filters();
  if (strcmp(what, "options") != 0) return;
  for (int i = 0; i < kOptions; ++i) {
    put(i, options[i].second);
    get(i, second[i]);
    check_true(options[i].name, memcmp(first[i], second[i], 64) != 0);
  }
}

void check_changed(void) {
  if (strcmp(what, "options") == 0) holds(second);
  if (strcmp(what, "groups") == 0) groups_are_changed();
  if (strcmp(what, "filter") == 0) filters_are_changed();
}

void change_otherwise(void) {
  if (strcmp(what, "groups") == 0) {
    for (int i = 0; i < kMembers; ++i) close(members[i]);
    return;
  }
  if (strcmp(what, "filter") == 0) {
    for (int i = 0; i < kFiltered; ++i) filter_out(filtered[i][1], 'a');
    return;
  }
  for (int i = 0; i < kListener; ++i) must("close", close(sockets[i]));
}
