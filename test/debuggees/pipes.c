// Pipes and FIFOs: `pipes WHAT` with WHAT one of content, ends, packets, fifo, blocked.
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static const char* what;
static int many[2], small[2], half[2], orphan[2], shared_end, full[2], gone[2], low = -1;
static char block[65536];

static int waiting(int fd) {
  int bytes = 0;
  must("FIONREAD", ioctl(fd, FIONREAD, &bytes));
  return bytes;
}

static void fill_block(void) {
  for (size_t i = 0; i < sizeof block; ++i) block[i] = (char)(i * 7 + i / 251);
}

static void read_exactly(const char* name, int fd, const char* wanted) {
  char text[128] = {0};
  long got = must(name, read(fd, text, sizeof text - 1));
  check(name, got, (long)strlen(wanted));
  check_text(name, text, wanted);
}

static short events(int fd) {
  struct pollfd state = {fd, POLLIN | POLLOUT, 0};
  must("poll", poll(&state, 1, 0));
  return state.revents;
}

// content: bytes, capacity, a full pipe, flags of the open file description, a half-closed pipe.
static void content_set_up(void) {
  must("pipe", pipe(many));
  must("pipe", pipe2(small, O_NONBLOCK | O_CLOEXEC));
  must("pipe", pipe(half));
  must("pipe", pipe(full));
  must("write", write(many[1], block, 30000));
  must("F_SETPIPE_SZ", fcntl(small[1], F_SETPIPE_SZ, 4096));
  must("write", write(small[1], "small", 5));
  must("write", write(half[1], "last words", 10));
  must("close", close(half[1]));
  check("full", must("write", write(full[1], block, 65536)), 65536);
}

static void content_original(void) {
  char got[65536];
  check("bytes", waiting(many[0]), 30000);
  check("read", must("read", read(many[0], got, sizeof got)), 30000);
  check_bytes("content", got, block, 30000);
  check("capacity", must("F_GETPIPE_SZ", fcntl(small[0], F_GETPIPE_SZ)), 4096);
  check("flags", fcntl(small[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  read_exactly("small", small[0], "small");
  check("empty", read(small[0], got, 1), -1);
  check("EAGAIN", errno, EAGAIN);
  check("half", events(half[0]), POLLIN | POLLHUP);
  read_exactly("half", half[0], "last words");
  check("half: end", read(half[0], got, 1), 0);
  check("full: not writable", events(full[1]), 0);
  check("full", must("read", read(full[0], got, sizeof got)), 65536);
  check_bytes("full", got, block, 65536);
}

static void content_change(void) {
  must("write", write(many[1], "other", 5));
  must("F_SETPIPE_SZ", fcntl(small[1], F_SETPIPE_SZ, 131072));
  must("F_SETFL", fcntl(small[0], F_SETFL, 0));
  must("write", write(small[1], block, 65536));
  close(half[0]);
}

static void content_changed(void) {
  check("bytes", waiting(many[0]), 5);
  check("small", waiting(small[0]), 65536);
  check("capacity", fcntl(small[0], F_GETPIPE_SZ), 131072);
  check("flags", fcntl(small[0], F_GETFL) & O_NONBLOCK, 0);
  check("half closed", fcntl(half[0], F_GETFD), -1);
  check("full: empty", waiting(full[0]), 0);
}

// ends: one closed, both closed, duplicates, numbers exchanged.
static void ends_set_up(void) {
  must("pipe", pipe(many));
  must("pipe", pipe(small));
  must("pipe", pipe(gone));
  must("pipe", pipe(orphan));
  shared_end = must("dup", dup(many[1]));
  low = must("dup", dup(orphan[0]));
  must("write", write(many[1], "many", 4));
  must("write", write(gone[1], "gone", 4));
  must("write", write(orphan[1], "orphan", 6));
  must("close", close(orphan[1]));
  must("close", close(orphan[0]));
}

static void ends_original(void) {
  read_exactly("many", many[0], "many");
  must("F_SETFL", fcntl(shared_end, F_SETFL, O_NONBLOCK));
  check("one open file", fcntl(many[1], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  must("write", write(shared_end, "again", 5));
  read_exactly("again", many[0], "again");
  check("small: empty", waiting(small[0]), 0);
  must("write", write(small[1], "x", 1));
  read_exactly("small", small[0], "x");
  read_exactly("gone", gone[0], "gone");
  read_exactly("orphan", low, "orphan");
  check("orphan: end", read(low, block, 1), 0);
  check("orphan: hang-up", events(low), POLLHUP);
}

static void ends_change(void) {
  close(many[1]);            // the duplicate keeps it alive
  close(small[0]);           // one end
  close(gone[0]);            // both ends
  close(gone[1]);
  close(low);
  must("dup2", dup2(many[0], 40));  // moved
  close(many[0]);
  must("pipe", pipe(full));  // takes freed numbers
  must("write", write(full[1], "new", 3));
}

static void ends_changed(void) {
  check("small: no reader", events(small[1]), POLLOUT | POLLERR);
  check("new", waiting(full[0]), 3);
  must("write", write(shared_end, "moved", 5));
  read_exactly("moved", 40, "moved");
}

static void ends_otherwise(void) {
  close(many[0]);
  close(many[1]);
  close(shared_end);
  must("write", write(small[1], "branch", 6));
  must("dup2", dup2(small[0], gone[1]));
}

// packets: bounds are kept in packet mode.
static void packets_set_up(void) {
  must("pipe", pipe2(many, O_DIRECT));
  must("pipe", pipe(small));
  must("write", write(many[1], "one", 3));
  must("write", write(many[1], "three", 5));
  must("write", write(many[1], block, 4096));
  must("write", write(many[1], "", 0));
  must("write", write(many[1], "x", 1));
}

static void packets_original(void) {
  char got[8192];
  check("flags", fcntl(many[1], F_GETFL) & O_DIRECT, O_DIRECT);
  check("first", read(many[0], got, sizeof got), 3);
  check("second", read(many[0], got, sizeof got), 5);
  check("page", read(many[0], got, sizeof got), 4096);
  check_bytes("page", got, block, 4096);
  check("last", read(many[0], got, sizeof got), 1);
  check("empty", waiting(many[0]), 0);
}

static void packets_change(void) {
  must("F_SETFL", fcntl(many[1], F_SETFL, 0));
  must("write", write(many[1], "ab", 2));
  must("write", write(many[1], "cd", 2));
  close(small[0]);
  close(small[1]);
}

static void packets_changed(void) {
  check("flags", fcntl(many[1], F_GETFL) & O_DIRECT, 0);
  check("bytes", waiting(many[0]), 4);
}

// fifo: a name in the working directory; closed, taken away and made anew.
static void fifo_set_up(void) {
  must("mkfifo", mkfifo("named", 0640));
  must("mkfifo", mkfifo("taken", 0600));
  must("open", many[0] = open("named", O_RDONLY | O_NONBLOCK));
  must("open", many[1] = open("named", O_WRONLY));
  must("F_SETFL", fcntl(many[0], F_SETFL, 0));
  must("open", low = open("taken", O_RDWR));
  must("write", write(many[1], "named", 5));
  must("write", write(low, "taken", 5));
}

static void fifo_original(void) {
  struct stat info;
  read_exactly("named", many[0], "named");
  must("write", write(many[1], "more", 4));
  read_exactly("more", many[0], "more");
  must("stat", stat("named", &info));
  check("mode", info.st_mode, S_IFIFO | 0640);
  read_exactly("taken", low, "taken");
  must("stat", stat("taken", &info));
  int again = must("open", open("taken", O_RDWR | O_NONBLOCK));
  must("write", write(again, "by name", 7));
  read_exactly("by name", low, "by name");
  close(again);
}

static void fifo_change(void) {
  close(many[0]);
  close(many[1]);
  must("unlink", unlink("taken"));
  must("write", write(low, "nameless", 8));
}

static void fifo_changed(void) {
  check("taken", access("taken", F_OK), -1);
  check("nameless", waiting(low), 8);
  check("closed", fcntl(many[0], F_GETFD), -1);
}

// blocked: threads that wait in read, poll and a write to a full pipe; a rollback must not wake or disturb them.
static volatile int reads, polls, writes, failed;

static void* reader(void* unused) {
  char byte;
  (void)unused;
  while (read(many[0], &byte, 1) == 1) {
    if (byte != (char)('a' + reads % 26)) failed = 1;
    ++reads;
  }
  if (errno) failed = errno;
  return NULL;
}

static void* poller(void* unused) {
  char byte;
  (void)unused;
  for (;;) {
    struct pollfd state = {small[0], POLLIN, 0};
    if (poll(&state, 1, -1) != 1) failed = 2;
    if (read(small[0], &byte, 1) != 1) break;
    ++polls;
  }
  return NULL;
}

static void* writer(void* unused) {
  (void)unused;
  for (int i = 0; i < 3; ++i) {
    if (write(full[1], block, 4096) != 4096) failed = 3;
    ++writes;
  }
  return NULL;
}

static pthread_t waiters[3];

static void settle(volatile int* counter, int wanted) {
  for (int i = 0; i < 20000 && *counter < wanted; ++i) usleep(500);
  usleep(2000);
  check("settled", *counter, wanted);
}

static void blocked_set_up(void) {
  must("pipe", pipe(many));
  must("pipe", pipe(small));
  must("pipe", pipe(full));
  must("write", write(full[1], block, 65536));
  check("thread", pthread_create(&waiters[0], NULL, reader, NULL), 0);
  check("thread", pthread_create(&waiters[1], NULL, poller, NULL), 0);
  check("thread", pthread_create(&waiters[2], NULL, writer, NULL), 0);
  usleep(20000);
}

static void blocked_original(void) {
  check("nobody was disturbed", failed, 0);
  check("reads", reads, 0);
  check("polls", polls, 0);
  check("writes", writes, 0);
  check("full", waiting(full[0]), 65536);
  must("write", write(many[1], "ab", 2));
  settle(&reads, 2);
  must("write", write(small[1], "p", 1));
  settle(&polls, 1);
}

static void blocked_change(void) {
  char got[8192];
  check("read", read(full[0], got, sizeof got), 8192);
  settle(&writes, 2);
}

static void blocked_changed(void) {
  check("nobody was disturbed", failed, 0);
  check("reads", reads, 2);
  check("polls", polls, 1);
  check("writes", writes, 2);
  check("full", waiting(full[0]), 65536);
}

static void blocked_clean_up(void) {
  char got[8192];
  check("read", read(full[0], got, sizeof got), 8192);
  must("close", close(many[1]));
  must("close", close(small[1]));
  for (int i = 0; i < 3; ++i) check("join", pthread_join(waiters[i], NULL), 0);
  check("writes", writes, 3);
  check("nobody was disturbed", failed, 0);
}

#define EACH(stage) \
  if (strcmp(what, "content") == 0) content_##stage(); \
  else if (strcmp(what, "ends") == 0) ends_##stage(); \
  else if (strcmp(what, "packets") == 0) packets_##stage(); \
  else if (strcmp(what, "fifo") == 0) fifo_##stage(); \
  else if (strcmp(what, "blocked") == 0) blocked_##stage(); \
  else state_fail(what, "is no part of this program")

void set_up(void) {
  what = state_argc ? state_argv[0] : "";
  fill_block();
  EACH(set_up);
}
void check_original(void) { EACH(original); }
void change(void) { EACH(change); }
void check_changed(void) { EACH(changed); }
void change_otherwise(void) {
  if (strcmp(what, "ends") == 0) ends_otherwise();
}
void clean_up(void) {
  if (strcmp(what, "blocked") == 0) blocked_clean_up();
  unlink("named");
  unlink("taken");
}
