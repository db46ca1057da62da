// Threads that go round a loop and wait at the same place again, with the same registers: what the kernel keeps of each
// has changed meanwhile, its alternate signal stack and timer slack, its list of robust locks, the word that is cleared
// at its end, its area of restartable sequences. See state.h for the frame.
#include "state.h"

#include <linux/futex.h>
#include <linux/rseq.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

extern const ptrdiff_t __rseq_offset __attribute__((weak));

enum { kFutex, kRead, kPoll, kEpoll, kSleep, kWays };
static pthread_t waiters[kWays];
static pid_t tids[kWays];
static int pipes[kWays][2], set;
static int word;
static volatile int asleep;  // until it has seen that it was woken
static char stacks[4][65536];
static struct robust_list_head lists[kWays][4];
static int cleared[kWays][4];
static struct rseq areas[kWays][4] __attribute__((aligned(64)));
enum { kAreaSize = 32, kUnregister = 1, kSignature = 0x53053053, kGetTidAddress = 40 };  // 40: PR_GET_TID_ADDRESS
/** Whether the kernel has a thread's areas, and tells the word. */
static int has_areas, tells_word;
/** What each is to have from its next round on; -1: to end. */
static volatile int wanted, rounds[kWays];
/** What each has found: which of the stacks, and ns. */
static volatile int found_stack[kWays];
static volatile long found_slack[kWays];
static volatile int found_list[kWays], found_word[kWays], found_area[kWays];

/** Registered already: EBUSY; another one is: EINVAL; none is: it would be now. */
static int is_area(struct rseq* area) {
  if (syscall(SYS_rseq, area, kAreaSize, 0, kSignature) == -1) return errno == EBUSY;
  must("rseq", syscall(SYS_rseq, area, kAreaSize, kUnregister, kSignature));
  return 0;
}

static void look(int way) {
  stack_t now;
  must("sigaltstack", sigaltstack(NULL, &now));
  found_stack[way] = -1;
  for (int i = 0; i < 4; ++i) {
    if (now.ss_sp == stacks[i]) found_stack[way] = i;
  }
  found_slack[way] = prctl(PR_GET_TIMERSLACK);
  struct robust_list_head* list;
  size_t size;
  int* word;
  must("get_robust_list", syscall(SYS_get_robust_list, 0, &list, &size));
  if (tells_word) must("PR_GET_TID_ADDRESS", prctl(kGetTidAddress, &word));
  found_list[way] = found_word[way] = found_area[way] = -1;
  for (int i = 0; i < 4; ++i) {
    if (list == &lists[way][i]) found_list[way] = i;
    if (tells_word && word == &cleared[way][i]) found_word[way] = i;
    if (is_area(&areas[way][i])) found_area[way] = i;
  }
}

static void take(int way) {
  const stack_t next = {.ss_sp = stacks[wanted], .ss_size = sizeof stacks[0]};
  must("sigaltstack", sigaltstack(&next, NULL));
  must("PR_SET_TIMERSLACK", prctl(PR_SET_TIMERSLACK, 60000 + 1000 * wanted));
  struct robust_list_head* list = &lists[way][wanted];
  list->list.next = &list->list;
  must("set_robust_list", syscall(SYS_set_robust_list, list, sizeof *list));
  syscall(SYS_set_tid_address, &cleared[way][wanted]);
  if (!has_areas) return;
  if (found_area[way] >= 0) must("rseq", syscall(SYS_rseq, &areas[way][found_area[way]], kAreaSize, kUnregister, kSignature));
  must("rseq", syscall(SYS_rseq, &areas[way][wanted], kAreaSize, 0, kSignature));
}

/** The C library's own area is left, its list and word are kept for the end. */
static void leave_library(struct robust_list_head** list, int** word) {
  size_t size;
  must("get_robust_list", syscall(SYS_get_robust_list, 0, list, &size));
  tells_word = prctl(kGetTidAddress, word) == 0;
  void* area = &__rseq_offset ? (char*)__builtin_thread_pointer() + __rseq_offset : NULL;
  has_areas = area && syscall(SYS_rseq, area, kAreaSize, kUnregister, kSignature) == 0;
}

static void wait_by(int way) {
  char byte;
  struct pollfd item = {.fd = pipes[way][0], .events = POLLIN};
  struct epoll_event event;
  const int before = word;
  switch (way) {
    case kFutex:
      while (word == before) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, before, NULL, NULL, 0);
      return;
    case kPoll: check("poll", poll(&item, 1, -1), 1); break;
    case kEpoll: check("epoll_wait", epoll_wait(set, &event, 1, -1), 1); break;
    case kSleep:
      while (usleep(100000000) == 0 || !asleep) continue;
      asleep = 0;
      return;
    default: break;
  }
  check("read", read(pipes[way][0], &byte, 1), 1);
}

static void* go_round(void* argument) {
  const int way = (int)(long)argument;
  struct robust_list_head* list;
  int* word;
  leave_library(&list, &word);
  tids[way] = (pid_t)syscall(SYS_gettid);
  for (;;) {
    look(way);
    if (wanted == -1) break;
    take(way);
    ++rounds[way];
    wait_by(way);
  }
  must("set_robust_list", syscall(SYS_set_robust_list, list, sizeof *list));
  syscall(SYS_set_tid_address, word);
  return NULL;
}

static void nothing(int unused) { (void)unused; }

/** Until it waits: /proc says in which call. */
static void await_rounds(int count) {
  for (int way = 0; way < kWays; ++way) {
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tids[way]);
    do {
      usleep(500);
      FILE* file = fopen(path, "r");
      char state = 'R';
      if (file && fgets(text, sizeof text, file)) state = strrchr(text, ')')[2];
      if (file) fclose(file);
      if (rounds[way] == count && state == 'S') break;
      // The first may have come before it slept.
      if (way == kSleep && asleep) pthread_kill(waiters[kSleep], SIGUSR1);
    } while (1);
  }
}

static void send_round(int next) {
  wanted = next;
  ++word;
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  for (int way = kRead; way <= kEpoll; ++way) must("write", write(pipes[way][1], "", 1));
  asleep = 1;
}

/** Has each go round once more, where it tells what it has. */
static void expect(const char* what, int stack, int round) {
  send_round(stack);
  await_rounds(round + 1);
  for (int way = 0; way < kWays; ++way) {
    char text[64];
    snprintf(text, sizeof text, "%s, waiter %d: stack", what, way);
    check(text, found_stack[way], stack);
    snprintf(text, sizeof text, "%s, waiter %d: timer slack", what, way);
    check(text, found_slack[way], 60000 + 1000 * stack);
    snprintf(text, sizeof text, "%s, waiter %d: list of robust locks", what, way);
    check(text, found_list[way], stack);
    snprintf(text, sizeof text, "%s, waiter %d: word cleared at the end", what, way);
    if (tells_word) check(text, found_word[way], stack);
    snprintf(text, sizeof text, "%s, waiter %d: restartable sequences", what, way);
    check(text, found_area[way], has_areas ? stack : -1);
  }
}

void set_up(void) {
  const struct sigaction action = {.sa_handler = nothing};
  must("sigaction", sigaction(SIGUSR1, &action, NULL));
  struct epoll_event event = {.events = EPOLLIN};
  set = (int)must("epoll_create1", epoll_create1(0));
  for (long way = 0; way < kWays; ++way) {
    must("pipe", pipe(pipes[way]));
    if (way == kEpoll) must("epoll_ctl", epoll_ctl(set, EPOLL_CTL_ADD, pipes[way][0], &event));
    check("pthread_create", pthread_create(&waiters[way], NULL, go_round, (void*)way), 0);
    while (!tids[way]) usleep(500);
  }
  await_rounds(1);
}

void check_original(void) { expect("original", 0, 1); }

void change(void) {
  // Twice: the way from here to there must not be the way into the loop.
  send_round(1);
  await_rounds(3);
  send_round(2);
  await_rounds(4);
}

static int checks;
void check_changed(void) { expect("changed", 2, 4 + checks++); }

void clean_up(void) {
  send_round(-1);
  while (asleep) {
    pthread_kill(waiters[kSleep], SIGUSR1);
    usleep(500);
  }
  for (int way = 0; way < kWays; ++way) check("pthread_join", pthread_join(waiters[way], NULL), 0);
}
