// Sockets that a process outside the tree has, too: a child that is left alone (`children: 'ignore'`). It has one connection
// from the beginning, and is sent an end of another that is made later. It says which options they have.
#include "state.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int control[2], server, early[2], late[2];
static pid_t keeper;

/** How many of these options are on, of all these sockets. */
static char options_on(const int* fds, int count) {
  int on = 0;
  for (int i = 0; i < count; ++i) {
    struct linger linger = {0, 0};
    int value = 0;
    socklen_t size = sizeof linger;
    must("SO_LINGER", getsockopt(fds[i], SOL_SOCKET, SO_LINGER, &linger, &size));
    on += linger.l_onoff != 0;
    size = sizeof value;
    must("SO_REUSEADDR", getsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &value, &size));
    on += value != 0;
    must("TCP_NODELAY", getsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &value, &size));
    on += value != 0;
  }
  return (char)('0' + on);
}

static void keeper_main(void) {
  int fds[16] = {server, early[0], early[1]}, count = 3;
  close(control[0]);
  for (;;) {
    char byte = 0, room[CMSG_SPACE(sizeof(int))];
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (must("recvmsg", recvmsg(control[1], &message, 0)) == 0) _exit(0);
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header && count < 16) memcpy(&fds[count++], CMSG_DATA(header), sizeof(int));
    byte = options_on(fds, count);
    check("reply", send(control[1], &byte, 1, 0), 1);
  }
}

/** Sends `fd` along, where it is one. */
static void ask_keeper(const char* what, int fd) {
  char byte = '?', room[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec io = {&byte, 1};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  check(what, sendmsg(control[0], &message, 0), 1);
  check(what, recv(control[0], &byte, 1, 0), 1);
  check(what, byte, '0');
}

static void connect_pair(int ends[2]) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  must("getsockname", getsockname(server, (struct sockaddr*)&address, &length));
  must("socket", ends[0] = socket(AF_INET, SOCK_STREAM, 0));
  must("connect", connect(ends[0], (struct sockaddr*)&address, sizeof address));
  must("accept", ends[1] = accept(server, NULL, NULL));
}

void set_up(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  must("control", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control));
  must("socket", server = socket(AF_INET, SOCK_STREAM, 0));
  must("bind", bind(server, (struct sockaddr*)&address, sizeof address));
  must("listen", listen(server, 7));
  connect_pair(early);
  if (must("fork", keeper = fork()) == 0) keeper_main();
  close(control[1]);
}

void check_original(void) { ask_keeper("options that the other process finds", -1); }

void change(void) {
  connect_pair(late);
  ask_keeper("options of one that is made later", late[1]);
  must("shutdown", shutdown(early[0], SHUT_RDWR));
}

void check_changed(void) { ask_keeper("options after the change", -1); }

void clean_up(void) {
  int status = -1;
  close(control[0]);
  check("waitpid", waitpid(keeper, &status, 0), keeper);
  check("status", status, 0);
}
