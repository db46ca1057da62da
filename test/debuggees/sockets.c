// Sockets: `sockets WHAT` with WHAT one of pairs, ends, tcp, listen, udp, blocked, named, backlog, tree,
// rights, empty, outside PORT.
#include "state.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char* what;
static int stream[2], packets[2], datagrams[2], half[2], widow[2], server = -1, client = -1, accepted = -1, udp[2], copy = -1;
static struct sockaddr_in address, udp_address[2];

// Loopback may deliver on another processor.
static void await(const char* name, int fd) {
  struct pollfd state = {fd, POLLIN, 0};
  check(name, poll(&state, 1, 20000), 1);
}

static void receive(const char* name, int fd, const char* wanted) {
  char text[256] = {0};
  await(name, fd);
  long got = must(name, recv(fd, text, sizeof text - 1, MSG_DONTWAIT));
  check(name, got, (long)strlen(wanted));
  check_text(name, text, wanted);
}

static void nothing(const char* name, int fd) {
  char byte;
  check(name, recv(fd, &byte, 1, MSG_DONTWAIT), -1);
  check(name, errno, EAGAIN);
}

static void peeked(const char* name, int fd, const char* wanted) {
  char text[256] = {0};
  await(name, fd);
  must(name, recv(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_PEEK));
  check_text(name, text, wanted);
}

static void put(int fd, const char* text) { check("send", send(fd, text, strlen(text), MSG_NOSIGNAL), (long)strlen(text)); }

static void pairs_set_up(void) {
  must("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
  must("seqpacket", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
  must("dgram", socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, datagrams));
  put(stream[0], "hello ");
  put(stream[0], "there");
  put(stream[1], "back");
  put(packets[0], "one");
  put(packets[0], "three");
  put(datagrams[1], "a");
  put(datagrams[1], "datagram");
  int on = 1;
  must("option", setsockopt(stream[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
}

static void pairs_original(void) {
  int on = 0;
  socklen_t length = sizeof on;
  receive("stream", stream[1], "hello there");
  receive("stream, back", stream[0], "back");
  receive("first packet", packets[1], "one");
  receive("second packet", packets[1], "three");
  nothing("no packet", packets[1]);
  receive("first datagram", datagrams[0], "a");
  receive("second datagram", datagrams[0], "datagram");
  nothing("no datagram", datagrams[0]);
  check("flags", fcntl(datagrams[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  must("option", getsockopt(stream[0], SOL_SOCKET, SO_KEEPALIVE, &on, &length));
  check("option", on, 1);
}

static void pairs_change(void) {
  int off = 0;
  put(stream[0], "other");
  put(packets[1], "elsewhere");
  put(datagrams[1], "new");
  must("option", setsockopt(stream[0], SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off));
  must("F_SETFL", fcntl(datagrams[0], F_SETFL, 0));
}

static void pairs_changed(void) {
  int on = 1;
  socklen_t length = sizeof on;
  peeked("stream", stream[1], "other");
  nothing("stream, back", stream[0]);
  peeked("packet", packets[0], "elsewhere");
  peeked("datagram", datagrams[0], "new");
  must("option", getsockopt(stream[0], SOL_SOCKET, SO_KEEPALIVE, &on, &length));
  check("option", on, 0);
  check("flags", fcntl(datagrams[0], F_GETFL) & O_NONBLOCK, 0);
}

static void ends_set_up(void) {
  must("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
  must("seqpacket", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
  must("half", socketpair(AF_UNIX, SOCK_STREAM, 0, half));
  must("widow", socketpair(AF_UNIX, SOCK_STREAM, 0, widow));
  must("dgram", socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  copy = must("dup", dup(stream[0]));
  put(stream[0], "kept");
  put(packets[0], "packet");
  put(half[0], "last");
  must("shutdown", shutdown(half[0], SHUT_WR));
  put(widow[1], "words");
  must("close", close(widow[1]));
  put(datagrams[0], "gram");
}

static void ends_original(void) {
  char byte;
  receive("stream", stream[1], "kept");
  put(copy, "copy");
  receive("copy", stream[1], "copy");
  receive("packet", packets[1], "packet");
  put(packets[1], "reply");
  receive("reply", packets[0], "reply");
  receive("half", half[1], "last");
  check("half: end", recv(half[1], &byte, 1, 0), 0);
  put(half[1], "still");
  receive("half, other way", half[0], "still");
  receive("widow", widow[0], "words");
  check("widow: end", recv(widow[0], &byte, 1, 0), 0);
  receive("gram", datagrams[1], "gram");
}

static void ends_change(void) {
  close(stream[0]);
  close(copy);                                        // one end
  close(packets[0]);                                  // both ends
  close(packets[1]);
  must("shutdown", shutdown(half[1], SHUT_RDWR));     // further
  close(widow[0]);
  must("shutdown", shutdown(datagrams[0], SHUT_RDWR));
  must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, udp));  // takes freed numbers
  put(udp[0], "new");
}

static void ends_changed(void) {
  char byte;
  check("other end is gone", recv(stream[1], &byte, 1, 0), 0);
  check("half: end", recv(half[0], &byte, 1, 0), 0);
  peeked("new", udp[1], "new");
}

static void connect_pair(void) {
  socklen_t length = sizeof address;
  must("getsockname", getsockname(server, (struct sockaddr*)&address, &length));
  must("socket", client = socket(AF_INET, SOCK_STREAM, 0));
  must("connect", connect(client, (struct sockaddr*)&address, sizeof address));
  must("accept", accepted = accept(server, NULL, NULL));
}

static void listen_somewhere(void) {
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must("socket", server = socket(AF_INET, SOCK_STREAM, 0));
  must("bind", bind(server, (struct sockaddr*)&address, sizeof address));
  must("listen", listen(server, 7));
}

static void tcp_set_up(void) {
  int on = 1;
  listen_somewhere();
  connect_pair();
  must("option", setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  put(client, "question ");
  put(client, "asked");
  put(accepted, "answer");
}

static void tcp_original(void) {
  int on = 0;
  socklen_t length = sizeof on;
  receive("to the server", accepted, "question asked");
  receive("to the client", client, "answer");
  must("option", getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, &length));
  check("option", on != 0, 1);
}

static void tcp_change(void) {
  int off = 0;
  put(accepted, "changed");
  must("option", setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off));
}

static void tcp_changed(void) {
  peeked("to the client", client, "changed");
  nothing("to the server", accepted);
}

// Another listener with a connection, whose ends are closed in the other order: each end lingers at its port once.
static int second[3];

static void listen_set_up(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "named"};
  listen_somewhere();
  connect_pair();
  second[0] = server, second[1] = client, second[2] = accepted;
  address.sin_port = 0;
  listen_somewhere();
  connect_pair();
  put(client, "before");
  must("socket", udp[0] = socket(AF_UNIX, SOCK_STREAM, 0));
  must("bind", bind(udp[0], (struct sockaddr*)&name, sizeof name));
  must("listen", listen(udp[0], 3));
}

static void listen_original(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "named"};
  int old = client, older = accepted;
  for (int end = 1; end <= 2; ++end) {
    put(second[end], "over there");
    receive("second", second[3 - end], "over there");
  }
  receive("before", accepted, "before");
  connect_pair();
  put(client, "through the listener");
  receive("accepted", accepted, "through the listener");
  close(client);
  close(accepted);
  client = old;
  accepted = older;
  int by_name = must("socket", socket(AF_UNIX, SOCK_STREAM, 0));
  must("connect", connect(by_name, (struct sockaddr*)&name, sizeof name));
  int answered = must("accept", accept(udp[0], NULL, NULL));
  put(by_name, "named");
  receive("named", answered, "named");
  close(by_name);
  close(answered);
}

static void listen_change(void) {
  close(server);
  close(client);
  close(accepted);
  close(udp[0]);
  close(second[0]);
  close(second[2]);
  close(second[1]);
}

static void listen_changed(void) {
  check("closed", fcntl(server, F_GETFD), -1);
  check("closed", fcntl(accepted, F_GETFD), -1);
  check("closed", fcntl(udp[0], F_GETFD), -1);
  for (int i = 0; i < 3; ++i) check("closed", fcntl(second[i], F_GETFD), -1);
}

static void udp_set_up(void) {
  for (int i = 0; i < 2; ++i) {
    socklen_t length = sizeof udp_address[i];
    udp_address[i].sin_family = AF_INET;
    udp_address[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must("socket", udp[i] = socket(AF_INET, SOCK_DGRAM, 0));
    must("bind", bind(udp[i], (struct sockaddr*)&udp_address[i], sizeof udp_address[i]));
    must("getsockname", getsockname(udp[i], (struct sockaddr*)&udp_address[i], &length));
  }
  must("connect", connect(udp[0], (struct sockaddr*)&udp_address[1], sizeof udp_address[1]));
  put(udp[0], "first");
  put(udp[0], "second one");
}

static void udp_original(void) {
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  char text[64] = {0};
  check("first", recvfrom(udp[1], text, sizeof text, 0, (struct sockaddr*)&from, &length), 5);
  check("sender", from.sin_port, udp_address[0].sin_port);
  receive("second", udp[1], "second one");
  nothing("no more", udp[1]);
}

static void udp_change(void) {
  put(udp[0], "third");
  close(udp[0]);
}

static void udp_changed(void) { peeked("third", udp[1], "third"); }

// Threads that wait in recv, accept and poll.
static volatile int received, answered, polled, failed;
static pthread_t waiters[3];

static void* receiver(void* unused) {
  char byte;
  (void)unused;
  while (recv(stream[1], &byte, 1, 0) == 1) ++received;
  return NULL;
}

static void* acceptor(void* unused) {
  (void)unused;
  for (;;) {
    int fd = accept(server, NULL, NULL);
    if (fd < 0) return NULL;
    ++answered;
    close(fd);
    if (answered == 2) return NULL;
  }
}

static void* poller(void* unused) {
  char byte;
  (void)unused;
  for (;;) {
    struct pollfd state = {packets[1], POLLIN, 0};
    if (poll(&state, 1, -1) != 1) failed = 1;
    if (recv(packets[1], &byte, 1, MSG_DONTWAIT) != 1) return NULL;
    ++polled;
  }
}

static void settle(volatile int* counter, int wanted) {
  for (int i = 0; i < 20000 && *counter < wanted; ++i) usleep(500);
  usleep(2000);
  check("settled", *counter, wanted);
}

static void blocked_set_up(void) {
  listen_somewhere();
  must("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
  must("packets", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
  check("thread", pthread_create(&waiters[0], NULL, receiver, NULL), 0);
  check("thread", pthread_create(&waiters[1], NULL, acceptor, NULL), 0);
  check("thread", pthread_create(&waiters[2], NULL, poller, NULL), 0);
  usleep(20000);
}

static void connect_once(void) {
  socklen_t length = sizeof address;
  must("getsockname", getsockname(server, (struct sockaddr*)&address, &length));
  int fd = must("socket", socket(AF_INET, SOCK_STREAM, 0));
  must("connect", connect(fd, (struct sockaddr*)&address, sizeof address));
  close(fd);
}

static void blocked_original(void) {
  check("received", received, 0);
  check("answered", answered, 0);
  check("polled", polled, 0);
  put(stream[0], "abc");
  settle(&received, 3);
  connect_once();
  settle(&answered, 1);
}

static void blocked_change(void) {
  put(packets[0], "p");
  settle(&polled, 1);
}

static void blocked_changed(void) {
  check("nobody was disturbed", failed, 0);
  check("received", received, 3);
  check("answered", answered, 1);
  check("polled", polled, 1);
}

static void blocked_clean_up(void) {
  close(stream[0]);
  connect_once();
  close(packets[0]);
  for (int i = 0; i < 3; ++i) check("join", pthread_join(waiters[i], NULL), 0);
}

// Connections by a name, each end knowing that of the other; one of them half-closed.
static int by_path[2], by_abstract[2], listeners[2];

static void connect_named(int listener, int ends[2], const struct sockaddr_un* name, socklen_t length, int type) {
  must("socket", ends[0] = socket(AF_UNIX, type, 0));
  must("connect", connect(ends[0], (const struct sockaddr*)name, length));
  must("accept", ends[1] = accept(listener, NULL, NULL));
}

static void named_set_up(void) {
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "named"}, abstract = {.sun_family = AF_UNIX};
  socklen_t length = (socklen_t)(sizeof(sa_family_t) + 1 + (size_t)snprintf(abstract.sun_path + 1, 60, "rollpoint-%d", getpid()));
  must("socket", listeners[0] = socket(AF_UNIX, SOCK_STREAM, 0));
  must("bind", bind(listeners[0], (struct sockaddr*)&path, sizeof path));
  must("listen", listen(listeners[0], 5));
  must("socket", listeners[1] = socket(AF_UNIX, SOCK_SEQPACKET, 0));
  must("bind", bind(listeners[1], (struct sockaddr*)&abstract, length));
  must("listen", listen(listeners[1], 5));
  connect_named(listeners[0], by_path, &path, sizeof path, SOCK_STREAM);
  connect_named(listeners[1], by_abstract, &abstract, length, SOCK_SEQPACKET);
  int size = 30000;
  must("option", setsockopt(by_path[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  put(by_path[0], "by path");
  must("shutdown", shutdown(by_path[0], SHUT_WR));
  put(by_path[1], "back");
  put(by_abstract[0], "one");
  put(by_abstract[0], "two");
}

static void named_original(void) {
  char byte;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t length = sizeof name;
  struct ucred who = {0};
  socklen_t who_length = sizeof who;
  int size = 0;
  socklen_t size_length = sizeof size;
  receive("by path", by_path[1], "by path");
  check("its end", recv(by_path[1], &byte, 1, 0), 0);
  receive("back", by_path[0], "back");
  must("getpeername", getpeername(by_path[0], (struct sockaddr*)&name, &length));
  check_text("peer", name.sun_path, "named");
  must("credentials", getsockopt(by_path[1], SOL_SOCKET, SO_PEERCRED, &who, &who_length));
  check("who connected", who.pid, getpid());
  must("option", getsockopt(by_path[0], SOL_SOCKET, SO_SNDBUF, &size, &size_length));
  check("size of the buffer", size, 60000);
  receive("one", by_abstract[1], "one");
  receive("two", by_abstract[1], "two");
  nothing("no more", by_abstract[1]);
  length = sizeof name;
  must("getsockname", getsockname(by_abstract[1], (struct sockaddr*)&name, &length));
  check("abstract", name.sun_path[0], 0);
}

static void named_change(void) {
  for (int i = 0; i < 2; ++i) {
    close(by_path[i]);
    close(by_abstract[i]);
  }
  // What closes first leaves its file behind; another takes its place.
  close(listeners[0]);
  unlink("named");
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "named"};
  must("socket", listeners[0] = socket(AF_UNIX, SOCK_STREAM, 0));
  must("bind", bind(listeners[0], (struct sockaddr*)&path, sizeof path));
  must("listen", listen(listeners[0], 5));
  connect_named(listeners[0], by_path, &path, sizeof path, SOCK_STREAM);
  put(by_path[0], "anew");
}

static void named_changed(void) {
  peeked("anew", by_path[1], "anew");
  check("closed", fcntl(by_abstract[0], F_GETFD), -1);
}

// Connections that wait to be accepted.
static int waiting_path[2], waiting_tcp[2], later = -1, taken[4] = {-1, -1, -1, -1};

static void connect_to_path(int* fd) {
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "named"};
  must("socket", *fd = socket(AF_UNIX, SOCK_STREAM, 0));
  must("connect", connect(*fd, (struct sockaddr*)&path, sizeof path));
}

static void backlog_set_up(void) {
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "named"};
  socklen_t length = sizeof address;
  listen_somewhere();
  must("getsockname", getsockname(server, (struct sockaddr*)&address, &length));
  must("socket", listeners[0] = socket(AF_UNIX, SOCK_STREAM, 0));
  must("bind", bind(listeners[0], (struct sockaddr*)&path, sizeof path));
  must("listen", listen(listeners[0], 5));
  for (int i = 0; i < 2; ++i) {
    connect_to_path(&waiting_path[i]);
    must("socket", waiting_tcp[i] = socket(AF_INET, SOCK_STREAM, 0));
    must("connect", connect(waiting_tcp[i], (struct sockaddr*)&address, sizeof address));
  }
}

static void backlog_original(void) {
  for (int i = 0; i < 2; ++i) {
    struct sockaddr_in from, local;
    socklen_t from_length = sizeof from, local_length = sizeof local;
    await("path", listeners[0]);
    await("tcp", server);
    must("accept", taken[i] = accept(listeners[0], NULL, NULL));
    must("accept", taken[2 + i] = accept(server, (struct sockaddr*)&from, &from_length));
    must("getsockname", getsockname(waiting_tcp[i], (struct sockaddr*)&local, &local_length));
    check("who was accepted", from.sin_port, local.sin_port);
    put(waiting_path[i], i ? "second" : "first");
    receive("by path", taken[i], i ? "second" : "first");
    put(taken[2 + i], "welcome");
    receive("by port", waiting_tcp[i], "welcome");
  }
  struct pollfd none[2] = {{listeners[0], POLLIN, 0}, {server, POLLIN, 0}};
  check("nobody else waits", poll(none, 2, 0), 0);
}

static void backlog_change(void) {
  for (int i = 0; i < 4; ++i) close(taken[i]);
  close(waiting_path[0]);
  close(waiting_tcp[1]);
  connect_to_path(&later);
}

static void backlog_changed(void) {
  struct pollfd state[2] = {{listeners[0], POLLIN, 0}, {server, POLLIN, 0}};
  check("one waits", poll(state, 2, 0), 1);
  check("one waits by path", state[0].revents, POLLIN);
}

static void backlog_otherwise(void) {
  connect_to_path(&later);
  for (int i = 0; i < 2; ++i) close(waiting_path[i]);
}

// Descriptors under way: a file that is open nowhere else, and a pipe that is.
static int carried_pipe[2];

static void send_with(int to, const char* text, int fd) {
  char room[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec io = {(void*)(size_t)text, strlen(text)};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  check("sendmsg", sendmsg(to, &message, 0), (long)strlen(text));
}

/** The descriptor that came with it, or -1. */
static int receive_with(const char* name, int from, size_t most, const char* wanted) {
  char room[CMSG_SPACE(sizeof(int))] = {0}, text[64] = {0};
  struct iovec io = {text, most};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  check(name, recvmsg(from, &message, MSG_DONTWAIT), (long)strlen(wanted));
  check_text(name, text, wanted);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  int fd = -1;
  if (header) memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

static void rights_set_up(void) {
  must("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
  must("dgram", socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  must("pipe", pipe(carried_pipe));
  int file = must("open", open("carried", O_RDWR | O_CREAT, 0600));
  unlink("carried");
  check("write", write(file, "the content", 11), 11);
  must("lseek", lseek(file, 4, SEEK_SET));
  put(stream[0], "plain");
  send_with(stream[0], "with", file);
  put(stream[0], "tail");
  close(file);
  put(datagrams[0], "without");
  send_with(datagrams[0], "a pipe", carried_pipe[1]);
}

static void rights_original(void) {
  char text[16] = {0};
  check("none with the plain bytes", receive_with("plain", stream[1], 5, "plain"), -1);
  int file = receive_with("with", stream[1], 60, "with");
  check("read", read(file, text, sizeof text), 7);
  check_text("the file, from where it stood", text, "content");
  close(file);
  check("none with the tail", receive_with("tail", stream[1], 60, "tail"), -1);
  check("none", receive_with("without", datagrams[1], 60, "without"), -1);
  int end = receive_with("a pipe", datagrams[1], 60, "a pipe");
  check("write", write(end, "x", 1), 1);
  check("read", read(carried_pipe[0], text, 1), 1);
  close(end);
}

static void rights_change(void) { put(stream[0], "other"); }

static void rights_changed(void) {
  peeked("other", stream[1], "other");
  nothing("no datagram", datagrams[1]);
}

static void empty_set_up(void) {
  must("dgram", socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  put(datagrams[0], "before");
  put(datagrams[0], "");
  put(datagrams[0], "after");
}

static void empty_original(void) {
  char byte;
  receive("before", datagrams[1], "before");
  check("an empty one", recv(datagrams[1], &byte, 1, MSG_DONTWAIT), 0);
}

static void empty_change(void) {
  receive("after", datagrams[1], "after");
  put(datagrams[0], "another");
}

static void empty_changed(void) { peeked("another", datagrams[1], "another"); }

// A child has the other ends; it does what it is told by a byte on `control`.
static int control[2], data[2];
static pid_t child;

static void child_main(void) {
  char command, text[64];
  close(control[0]);
  close(data[0]);
  while (recv(control[1], &command, 1, 0) == 1) {
    long length = 2;
    memcpy(text, "ok", 2);
    if (command == 'r') length = recv(data[1], text, sizeof text, MSG_DONTWAIT);
    if (command == 's') put(data[1], "from the child");
    if (command == 'c') close(data[1]);
    check("reply", send(control[1], text, (size_t)length, 0), length);
  }
  _exit(0);
}

static void tell_child(const char* command, const char* reply) {
  put(control[0], command);
  receive(command, control[0], reply);
}

static void tree_set_up(void) {
  must("control", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control));
  must("data", socketpair(AF_UNIX, SOCK_STREAM, 0, data));
  if (must("fork", child = fork()) == 0) child_main();
  close(control[1]);
  close(data[1]);
  put(data[0], "from the parent");
  tell_child("s", "ok");
}

static void tree_original(void) {
  tell_child("r", "from the parent");
  receive("from the child", data[0], "from the child");
}

static void tree_change(void) {
  close(data[0]);
  tell_child("c", "ok");
  must("data", socketpair(AF_UNIX, SOCK_DGRAM, 0, udp));
  put(udp[0], "new");
}

static void tree_changed(void) {
  tell_child("p", "ok");
  peeked("new", udp[1], "new");
}

static void tree_clean_up(void) {
  int status = -1;
  close(control[0]);
  check("waitpid", waitpid(child, &status, 0), child);
  check("status", status, 0);
}

// A connection to a program that is not ours, which sends back whatever it gets.
static void outside_set_up(void) {
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)atoi(state_argv[1]));
  must("socket", client = socket(AF_INET, SOCK_STREAM, 0));
  must("connect", connect(client, (struct sockaddr*)&address, sizeof address));
  put(client, "hello");
  receive("hello", client, "hello");
}

static void outside_original(void) {
  put(client, "12345");
  receive("12345", client, "12345");
}

static void outside_change(void) {
  put(client, "1234567");
  receive("1234567", client, "1234567");
}

static void outside_changed(void) { nothing("no more", client); }

#define EACH(stage) \
  if (strcmp(what, "pairs") == 0) pairs_##stage(); \
  else if (strcmp(what, "ends") == 0) ends_##stage(); \
  else if (strcmp(what, "tcp") == 0) tcp_##stage(); \
  else if (strcmp(what, "listen") == 0) listen_##stage(); \
  else if (strcmp(what, "udp") == 0) udp_##stage(); \
  else if (strcmp(what, "blocked") == 0) blocked_##stage(); \
  else if (strcmp(what, "named") == 0) named_##stage(); \
  else if (strcmp(what, "backlog") == 0) backlog_##stage(); \
  else if (strcmp(what, "rights") == 0) rights_##stage(); \
  else if (strcmp(what, "empty") == 0) empty_##stage(); \
  else if (strcmp(what, "tree") == 0) tree_##stage(); \
  else if (strcmp(what, "outside") == 0) outside_##stage(); \
  else state_fail(what, "is no part of this program")

void set_up(void) {
  what = state_argc ? state_argv[0] : "";
  EACH(set_up);
}
void check_original(void) { EACH(original); }
void change(void) { EACH(change); }
void check_changed(void) { EACH(changed); }
void change_otherwise(void) {
  if (strcmp(what, "backlog") == 0) backlog_otherwise();
}
void clean_up(void) {
  if (strcmp(what, "blocked") == 0) blocked_clean_up();
  if (strcmp(what, "tree") == 0) tree_clean_up();
  unlink("named");
}
