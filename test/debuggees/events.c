// Event descriptors that hold a little state of their own: `events eventfd|timerfd|signalfd|pidfd`.
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

struct stages {
  const char* name;
  void (*set_up)(void);
  void (*check_original)(void);
  void (*change)(void);
  void (*check_changed)(void);
  void (*change_otherwise)(void);
  void (*clean_up)(void);
};

static uint64_t count_of(int fd) {
  uint64_t value = 0;
  must("read", read(fd, &value, sizeof value));
  return value;
}

static void add(int fd, uint64_t value) { must("write", write(fd, &value, sizeof value)); }

static int is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

static int is_readable(int fd) {
  struct pollfd one = {fd, POLLIN, 0};
  return (int)must("poll", poll(&one, 1, 0));
}

// eventfd

static int counter, zero, semaphore, shared[2], gone, reopened, big;

static void eventfd_set_up(void) {
  counter = (int)must("eventfd", eventfd(5, EFD_CLOEXEC));
  zero = (int)must("eventfd", eventfd(0, EFD_NONBLOCK));
  semaphore = (int)must("eventfd", eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
  shared[0] = (int)must("eventfd", eventfd(11, 0));
  shared[1] = (int)must("dup", dup(shared[0]));
  gone = (int)must("eventfd", eventfd(21, EFD_NONBLOCK | EFD_CLOEXEC));
  reopened = (int)must("eventfd", eventfd(31, EFD_SEMAPHORE));
  big = (int)must("eventfd", eventfd(0, 0));
  add(big, 0xfffffffffffffffeULL);
}

static void eventfd_check_original(void) {
  check("counter", (long)count_of(counter), 5);
  check("counter: close on exec", fcntl(counter, F_GETFD), FD_CLOEXEC);
  uint64_t value;
  check("zero", read(zero, &value, sizeof value), -1);
  check("zero: why", errno, EAGAIN);
  for (int i = 0; i < 3; ++i) check("semaphore", (long)count_of(semaphore), 1);
  check("semaphore at its end", read(semaphore, &value, sizeof value), -1);
  add(shared[1], 1);
  check("shared", (long)count_of(shared[0]), 12);
  check("gone", (long)count_of(gone), 21);
  check("gone: non-blocking", read(gone, &value, sizeof value), -1);
  check("gone: close on exec", fcntl(gone, F_GETFD), FD_CLOEXEC);
  check("reopened is a semaphore", (long)count_of(reopened), 1);
  check("big", count_of(big) == 0xfffffffffffffffeULL, 1);
}

static void eventfd_change(void) {
  add(counter, 70);
  fcntl(counter, F_SETFD, 0);
  fcntl(counter, F_SETFL, O_NONBLOCK);
  add(zero, 9);
  add(semaphore, 2);
  close(shared[1]);
  shared[1] = (int)must("eventfd", eventfd(4, 0));
  close(gone);
  close(reopened);
  check("the same number", eventfd(8, 0), gone);
  close(gone);
  check("the same number again", eventfd(41, EFD_NONBLOCK), gone);
  dup2(gone, reopened);
}

static void eventfd_check_changed(void) {
  check("counter", (long)count_of(counter), 70);
  uint64_t value;
  check("counter: non-blocking now", read(counter, &value, sizeof value), -1);
  add(counter, 70);
  check("zero", (long)count_of(zero), 9);
  add(zero, 9);
  for (int i = 0; i < 2; ++i) check("semaphore", (long)count_of(semaphore), 1);
  add(semaphore, 2);
  check("no longer shared", (long)count_of(shared[1]), 4);
  add(shared[1], 4);
  check("not in the other", is_readable(shared[0]), 0);
  check("gone and reopened are one", (long)count_of(reopened), 41);
  add(gone, 41);
  check("gone is no semaphore", (long)count_of(gone), 41);
  add(reopened, 41);
}

static void eventfd_change_otherwise(void) {
  int moved = (int)must("dup", fcntl(counter, F_DUPFD, 200));
  dup2(zero, counter);
  add(moved, 1);
  close(semaphore);
  close(shared[0]);
}

// timerfd

static int far, periodic, expired, disarmed, absolute, closed_timer, rearmed;

static void arm(int fd, int flags, long seconds, long interval) {
  struct itimerspec setting = {{interval, 0}, {seconds, 500000000}};
  must("timerfd_settime", timerfd_settime(fd, flags, &setting, NULL));
}

static void check_remaining(const char* what, int fd, long seconds, long interval) {
  struct itimerspec now;
  must("timerfd_gettime", timerfd_gettime(fd, &now));
  if (now.it_value.tv_sec > seconds || now.it_value.tv_sec < seconds - 300) check(what, now.it_value.tv_sec, seconds);
  check(what, now.it_interval.tv_sec, interval);
}

static void timerfd_set_up(void) {
  far = (int)must("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  arm(far, 0, 10000, 0);
  periodic = (int)must("timerfd_create", timerfd_create(CLOCK_REALTIME, 0));
  struct itimerspec quick = {{3000, 0}, {0, 1}};
  must("timerfd_settime", timerfd_settime(periodic, 0, &quick, NULL));
  expired = (int)must("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  struct itimerspec once = {{0, 0}, {0, 1}};
  must("timerfd_settime", timerfd_settime(expired, 0, &once, NULL));
  disarmed = (int)must("timerfd_create", timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK));
  absolute = (int)must("timerfd_create", timerfd_create(CLOCK_REALTIME, 0));
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  arm(absolute, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, now.tv_sec + 5000, 0);
  closed_timer = (int)must("timerfd_create", timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  arm(closed_timer, 0, 7000, 70);
  rearmed = (int)must("timerfd_create", timerfd_create(CLOCK_MONOTONIC, 0));
  arm(rearmed, 0, 800, 80);
  while (!is_readable(periodic) || !is_readable(expired)) usleep(100);
}

static void timerfd_check_original(void) {
  uint64_t value;
  check_remaining("far", far, 10000, 0);
  check("far has not expired", is_readable(far), 0);
  check("periodic has expired once", (long)count_of(periodic), 1);
  check_remaining("periodic", periodic, 3000, 3000);
  check("expired", (long)count_of(expired), 1);
  check("expired, read", read(expired, &value, sizeof value), -1);
  check_remaining("expired", expired, 0, 0);
  check_remaining("disarmed", disarmed, 0, 0);
  check("disarmed is not readable", read(disarmed, &value, sizeof value), -1);
  check_remaining("absolute", absolute, 5000, 0);
  check_remaining("closed", closed_timer, 7000, 70);
  check("closed: flags", fcntl(closed_timer, F_GETFD), FD_CLOEXEC);
  check("closed: non-blocking", read(closed_timer, &value, sizeof value), -1);
  check_remaining("rearmed", rearmed, 800, 80);
}

static void timerfd_change(void) {
  struct itimerspec none;
  memset(&none, 0, sizeof none);
  must("timerfd_settime", timerfd_settime(far, 0, &none, NULL));
  arm(disarmed, 0, 4000, 1);
  must("timerfd_settime", timerfd_settime(absolute, 0, &none, NULL));
  close(closed_timer);
  arm(rearmed, 0, 9000, 9);
  struct itimerspec quick = {{2000, 0}, {0, 1}};
  must("timerfd_settime", timerfd_settime(expired, 0, &quick, NULL));
  while (!is_readable(expired)) usleep(100);
  must("dup2", dup2(far, periodic));
}

static void timerfd_check_changed(void) {
  check_remaining("far", far, 0, 0);
  check_remaining("disarmed", disarmed, 4000, 1);
  check_remaining("absolute", absolute, 0, 0);
  check("closed", is_open(closed_timer), 0);
  check_remaining("rearmed", rearmed, 9000, 9);
  check("expired", is_readable(expired), 1);
  check_remaining("expired", expired, 2000, 2000);
  check("periodic", is_readable(periodic), 0);
}

static void timerfd_change_otherwise(void) {
  close(far);
  close(expired);
  check("number", timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), far < expired ? far : expired);
  arm(periodic, 0, 1, 1);
}

// signalfd

static int first, second, closed_set;

static int takes(int fd, int signal) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  must("kill", kill(getpid(), signal));
  struct signalfd_siginfo info;
  if (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
    check("the signal", info.ssi_signo, signal);
    return 1;
  }
  check("why not", errno, EAGAIN);
  check("still pending", sigwaitinfo(&one, NULL), signal);
  return 0;
}

static int signals_at(int fd, int a, int b, int flags) {
  sigset_t set;
  sigemptyset(&set);
  if (a) sigaddset(&set, a);
  if (b) sigaddset(&set, b);
  return (int)must("signalfd", signalfd(fd, &set, flags));
}

static void signalfd_set_up(void) {
  sigset_t all;
  sigemptyset(&all);
  for (int signal = SIGRTMIN; signal <= SIGRTMIN + 4; ++signal) sigaddset(&all, signal);
  sigprocmask(SIG_BLOCK, &all, NULL);
  first = signals_at(-1, SIGRTMIN, SIGRTMIN + 1, SFD_NONBLOCK);
  second = signals_at(-1, SIGRTMIN + 2, 0, SFD_NONBLOCK | SFD_CLOEXEC);
  closed_set = signals_at(-1, SIGRTMIN + 3, 0, SFD_NONBLOCK | SFD_CLOEXEC);
  must("kill", kill(getpid(), SIGRTMIN + 3));
}

static void signalfd_check_original(void) {
  struct signalfd_siginfo info;
  check("waits at the third", read(closed_set, &info, sizeof info), sizeof info);
  check("the signal", info.ssi_signo, SIGRTMIN + 3);
  check("from us", info.ssi_pid, getpid());
  check("first", takes(first, SIGRTMIN), 1);
  check("first", takes(first, SIGRTMIN + 1), 1);
  check("first", takes(first, SIGRTMIN + 2), 0);
  check("second", takes(second, SIGRTMIN + 2), 1);
  check("second", takes(second, SIGRTMIN), 0);
  check("third", takes(closed_set, SIGRTMIN + 3), 1);
  check("third: close on exec", fcntl(closed_set, F_GETFD), FD_CLOEXEC);
}

static void signalfd_change(void) {
  signals_at(first, SIGRTMIN + 4, 0, 0);
  dup2(first, second);
  close(closed_set);
}

static void signalfd_check_changed(void) {
  check("first", takes(first, SIGRTMIN + 4), 1);
  check("first", takes(first, SIGRTMIN), 0);
  check("second", takes(second, SIGRTMIN + 4), 1);
  check("second", takes(second, SIGRTMIN + 2), 0);
  check("third", is_open(closed_set), 0);
}

static void signalfd_change_otherwise(void) {
  close(first);
  close(second);
  signals_at(closed_set, 0, 0, 0);
}

// pidfd

static int own, parent, closed_pidfd;

static long pid_of(int fd) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int file = (int)must("open", open(path, O_RDONLY));
  ssize_t got = must("read", read(file, text, sizeof text - 1));
  close(file);
  text[got] = 0;
  const char* at = strstr(text, "\nPid:");
  return at ? atol(at + 5) : 0;
}

static int open_pid(pid_t pid, unsigned flags) { return (int)must("pidfd_open", syscall(SYS_pidfd_open, pid, flags)); }

static void pidfd_set_up(void) {
  own = open_pid(getpid(), 0);
  parent = open_pid(getppid(), 0);
  closed_pidfd = open_pid(getpid(), O_NONBLOCK);
}

static void pidfd_check_original(void) {
  check("own", pid_of(own), getpid());
  check("parent", pid_of(parent), getppid());
  check("closed", pid_of(closed_pidfd), getpid());
  check("closed: non-blocking", fcntl(closed_pidfd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  check("a signal through it", syscall(SYS_pidfd_send_signal, closed_pidfd, 0, NULL, 0), 0);
}

static void pidfd_change(void) {
  dup2(parent, own);
  close(parent);
  close(closed_pidfd);
}

static void pidfd_check_changed(void) {
  check("own", pid_of(own), getppid());
  check("parent", is_open(parent), 0);
  check("closed", is_open(closed_pidfd), 0);
}

static void pidfd_change_otherwise(void) {
  close(own);
  check("number", open_pid(getppid(), 0), own);
  close(closed_pidfd);
}

static const struct stages all[] = {
    {"eventfd", eventfd_set_up, eventfd_check_original, eventfd_change, eventfd_check_changed, eventfd_change_otherwise, NULL},
    {"timerfd", timerfd_set_up, timerfd_check_original, timerfd_change, timerfd_check_changed, timerfd_change_otherwise, NULL},
    {"signalfd", signalfd_set_up, signalfd_check_original, signalfd_change, signalfd_check_changed, signalfd_change_otherwise, NULL},
    {"pidfd", pidfd_set_up, pidfd_check_original, pidfd_change, pidfd_check_changed, pidfd_change_otherwise, NULL},
};

static const struct stages* which(void) {
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i)
    if (state_argc && strcmp(state_argv[0], all[i].name) == 0) return &all[i];
  state_fail("usage", "events eventfd|timerfd|signalfd|pidfd");
}

void set_up(void) { which()->set_up(); }
void check_original(void) { which()->check_original(); }
void change(void) { which()->change(); }
void check_changed(void) { which()->check_changed(); }
void change_otherwise(void) { which()->change_otherwise(); }
