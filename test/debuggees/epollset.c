// epoll sets: level and edge, fired once, exclusive, a number that has moved on, sets within sets, sets closed since, and a
// thread that waits in epoll_wait all the time and must be woken by the right event.
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int level, edge, once, exclusive, stale_number, stale_file, vacant_file, idle_pipe[2], edge_pipe[2], timer, signals;
enum { kVacant = 120 };
static int set, outer, inner, closed_set, copy_of_set;

static void control(int in, int operation, int fd, unsigned events, uint64_t data) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data.u64 = data;
  must("epoll_ctl", epoll_ctl(in, operation, fd, &event));
}

static void add(int fd, uint64_t value) { must("write", write(fd, &value, sizeof value)); }

static uint64_t take(int fd) {
  uint64_t value = 0;
  must("read", read(fd, &value, sizeof value));
  return value;
}

/** The events with `data` that the set has to tell now; 0 for none. Takes one look, so edges are used up. */
struct told {
  int count;
  struct epoll_event events[32];
};

static struct told look(int in) {
  struct told told;
  told.count = (int)must("epoll_wait", epoll_wait(in, told.events, 32, 0));
  return told;
}

static unsigned of(const struct told* told, uint64_t data) {
  unsigned events = 0;
  for (int i = 0; i < told->count; ++i)
    if (told->events[i].data.u64 == data) events |= told->events[i].events;
  return events;
}

// The one that waits: what wakes it is told by the data of the event.
static int waiting_set, waker, answer, wrong_waker;
static pthread_t waiter;

static void* wait_for_events(void* unused) {
  (void)unused;
  for (;;) {
    struct epoll_event event;
    int got = epoll_wait(waiting_set, &event, 1, -1);
    if (got != 1) state_fail("the waiting thread", got == -1 ? strerror(errno) : "woke for nothing");
    if (event.data.u64 == 666) return NULL;
    check("the waiting thread, woken by", (long)event.data.u64, 500);
    take(waker);
    add(answer, 1);
  }
}

static void check_waiter(void) {
  add(waker, 1);
  check("the answer", (long)take(answer), 1);
}

void set_up(void) {
  level = eventfd(0, EFD_NONBLOCK);
  edge = eventfd(0, EFD_NONBLOCK);
  once = eventfd(0, EFD_NONBLOCK);
  exclusive = eventfd(0, EFD_NONBLOCK);
  stale_file = eventfd(0, EFD_NONBLOCK);
  stale_number = (int)must("dup", dup(stale_file));
  vacant_file = eventfd(0, EFD_NONBLOCK);
  must("dup2", dup2(vacant_file, kVacant));
  must("pipe", pipe2(idle_pipe, O_NONBLOCK));
  must("pipe", pipe2(edge_pipe, O_NONBLOCK));
  timer = (int)must("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &some, NULL);
  signals = (int)must("signalfd", signalfd(-1, &some, SFD_NONBLOCK));
  set = (int)must("epoll_create", epoll_create1(EPOLL_CLOEXEC));
  control(set, EPOLL_CTL_ADD, level, EPOLLIN, 1);
  control(set, EPOLL_CTL_ADD, edge, EPOLLIN | EPOLLET, 2);
  control(set, EPOLL_CTL_ADD, once, EPOLLIN | EPOLLONESHOT, 3);
  control(set, EPOLL_CTL_ADD, exclusive, EPOLLIN | EPOLLEXCLUSIVE, 4);
  control(set, EPOLL_CTL_ADD, stale_number, EPOLLIN, 5);
  control(set, EPOLL_CTL_ADD, idle_pipe[0], EPOLLIN | EPOLLONESHOT, 6);
  control(set, EPOLL_CTL_ADD, timer, EPOLLIN, 7);
  control(set, EPOLL_CTL_ADD, edge_pipe[1], EPOLLOUT | EPOLLET, 8);
  control(set, EPOLL_CTL_ADD, signals, EPOLLIN, 9);
  // Items that go by a number which stands for the set itself now, and by one that stands for nothing.
  close(stale_number);
  check("dup", dup(set), stale_number);
  copy_of_set = stale_number;
  control(set, EPOLL_CTL_ADD, kVacant, EPOLLIN | EPOLLET, 10);
  close(kVacant);
  // The first has fired, the second is armed.
  add(once, 1);
  struct told told = look(set);
  check("set_up: once fires", of(&told, 3), EPOLLIN);
  check("set_up: the edge of the pipe", of(&told, 8), EPOLLOUT);
  // An edge that was told already, on a file that is ready still.
  add(edge, 1);
  told = look(set);
  check("set_up: edge", of(&told, 2), EPOLLIN);
  inner = (int)must("epoll_create", epoll_create1(0));
  outer = (int)must("epoll_create", epoll_create1(0));
  control(inner, EPOLL_CTL_ADD, level, EPOLLIN, 21);
  control(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 22);
  closed_set = (int)must("epoll_create", epoll_create1(0));
  control(closed_set, EPOLL_CTL_ADD, level, EPOLLIN, 31);
  control(closed_set, EPOLL_CTL_ADD, edge, EPOLLIN | EPOLLET, 32);
  told = look(closed_set);
  check("set_up: edge in the other", of(&told, 32), EPOLLIN);
  waiting_set = (int)must("epoll_create", epoll_create1(0));
  waker = eventfd(0, 0);
  answer = eventfd(0, 0);
  wrong_waker = eventfd(0, 0);
  control(waiting_set, EPOLL_CTL_ADD, waker, EPOLLIN, 500);
  check("thread", pthread_create(&waiter, NULL, wait_for_events, NULL), 0);
  check_waiter();
}

void check_original(void) {
  struct told told = look(set);
  check("nothing is told", told.count, 0);
  add(level, 1);
  told = look(set);
  check("level", of(&told, 1), EPOLLIN);
  told = look(set);
  check("level again", of(&told, 1), EPOLLIN);
  check("only it", told.count, 1);
  told = look(outer);
  check("sets within sets", of(&told, 22), EPOLLIN);
  told = look(inner);
  check("the inner one", of(&told, 21), EPOLLIN);
  told = look(closed_set);
  check("closed set: level", of(&told, 31), EPOLLIN);
  check("closed set: its edge was told", of(&told, 32), 0);
  check("level's value", (long)take(level), 1);
  check("edge's value", (long)take(edge), 1);
  add(edge, 1);
  told = look(set);
  check("edge", of(&told, 2), EPOLLIN);
  check("edge alone", told.count, 1);
  told = look(set);
  check("edge once", told.count, 0);
  told = look(closed_set);
  check("edge in the closed set", of(&told, 32), EPOLLIN);
  check("once's value", (long)take(once), 1);
  add(once, 1);
  told = look(set);
  check("once has fired and is silent", told.count, 0);
  control(set, EPOLL_CTL_MOD, once, EPOLLIN | EPOLLONESHOT, 3);
  told = look(set);
  check("once is armed again", of(&told, 3), EPOLLIN);
  add(exclusive, 1);
  told = look(set);
  check("exclusive", of(&told, 4), EPOLLIN);
  take(exclusive);
  add(stale_file, 1);
  told = look(copy_of_set);
  check("by a number that stands for the set", of(&told, 5), EPOLLIN);
  take(stale_file);
  add(vacant_file, 1);
  told = look(set);
  check("by a number that stands for nothing", of(&told, 10), EPOLLIN);
  check("only that", told.count, 1);
  take(vacant_file);
  must("write", write(idle_pipe[1], "x", 1));
  told = look(set);
  check("the pipe, armed once", of(&told, 6), EPOLLIN);
  told = look(set);
  check("and no more", told.count, 0);
  char byte;
  must("read", read(idle_pipe[0], &byte, 1));
  struct itimerspec soon = {{0, 0}, {0, 1}};
  must("timerfd_settime", timerfd_settime(timer, 0, &soon, NULL));
  told.count = (int)must("epoll_wait", epoll_wait(set, told.events, 32, 20000));
  check("timer", of(&told, 7), EPOLLIN);
  take(timer);
  must("kill", kill(getpid(), SIGRTMIN));
  told = look(set);
  check("signals", of(&told, 9), EPOLLIN);
  struct signalfd_siginfo info;
  check("the signal", read(signals, &info, sizeof info), sizeof info);
  check("exclusive cannot be changed", epoll_ctl(set, EPOLL_CTL_MOD, exclusive, told.events), -1);
  check_waiter();
}

void change(void) {
  control(set, EPOLL_CTL_MOD, level, EPOLLOUT, 101);
  control(set, EPOLL_CTL_DEL, edge, 0, 0);
  control(set, EPOLL_CTL_MOD, once, EPOLLIN, 103);
  control(set, EPOLL_CTL_DEL, exclusive, 0, 0);
  control(set, EPOLL_CTL_ADD, exclusive, EPOLLIN, 104);
  // Its item cannot be reached without the file at that number.
  must("dup2", dup2(stale_file, stale_number));
  control(set, EPOLL_CTL_DEL, stale_number, 0, 0);
  must("dup2", dup2(vacant_file, kVacant));
  control(set, EPOLL_CTL_DEL, kVacant, 0, 0);
  close(kVacant);
  close(vacant_file);
  close(stale_number);
  check("another at the stale number", eventfd(3, EFD_NONBLOCK), stale_number);
  control(set, EPOLL_CTL_ADD, stale_number, EPOLLIN, 105);
  control(set, EPOLL_CTL_MOD, idle_pipe[0], EPOLLIN, 106);
  close(timer);
  control(outer, EPOLL_CTL_DEL, inner, 0, 0);
  control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 121);
  control(inner, EPOLL_CTL_DEL, level, 0, 0);
  control(outer, EPOLL_CTL_ADD, level, EPOLLOUT, 122);
  close(closed_set);
  control(waiting_set, EPOLL_CTL_MOD, waker, EPOLLIN | EPOLLET, 500);
  add(waker, 1);
  check("the answer", (long)take(answer), 1);
  // Renumbered: the item stays with the file, under the old number.
  must("dup2", dup2(signals, 210));
  close(signals);
}

void check_changed(void) {
  struct told told = look(set);
  check("level", of(&told, 101), EPOLLOUT);
  check("no edge", of(&told, 2), 0);
  check("once", of(&told, 103), EPOLLIN);
  check("another at the stale number", of(&told, 105), EPOLLIN);
  check("just these", told.count, 3);
  add(exclusive, 1);
  told = look(set);
  check("exclusive", of(&told, 104), EPOLLIN);
  take(exclusive);
  must("write", write(idle_pipe[1], "x", 1));
  told = look(set);
  told = look(set);
  check("the pipe, always", of(&told, 106), EPOLLIN);
  char byte;
  must("read", read(idle_pipe[0], &byte, 1));
  check("timer", fcntl(timer, F_GETFD), -1);
  told = look(inner);
  check("sets within sets", of(&told, 121), EPOLLIN);
  told = look(outer);
  check("sets within sets", of(&told, 122), EPOLLOUT);
  check("closed", fcntl(closed_set, F_GETFD), -1);
  must("kill", kill(getpid(), SIGRTMIN));
  told = look(set);
  check("signals by the number that is gone", of(&told, 9), EPOLLIN);
  struct signalfd_siginfo info;
  check("the signal", read(210, &info, sizeof info), sizeof info);
  check_waiter();
}

void change_otherwise(void) {
  close(set);
  close(copy_of_set);
  check("number", epoll_create1(0), copy_of_set);
  must("dup2", dup2(copy_of_set, set));
  control(set, EPOLL_CTL_ADD, level, EPOLLIN | EPOLLET, 201);
  control(waiting_set, EPOLL_CTL_DEL, waker, 0, 0);
  control(waiting_set, EPOLL_CTL_ADD, wrong_waker, EPOLLIN, 501);
  control(inner, EPOLL_CTL_DEL, level, 0, 0);
  control(closed_set, EPOLL_CTL_ADD, once, EPOLLIN | EPOLLONESHOT, 203);
  struct told told = look(closed_set);
  check("once", of(&told, 203), EPOLLIN);
}

void clean_up(void) {
  control(waiting_set, EPOLL_CTL_ADD, wrong_waker, EPOLLIN, 666);
  add(wrong_waker, 1);
  pthread_join(waiter, NULL);
}
