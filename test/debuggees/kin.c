// A child that has anonymous memory in common with its parent, and a timer that signals one of its threads. It ends, and is
// to be there again with both. "--unmap": its parent gives the memory away meanwhile. See state.h for the frame.
#include "state.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

static volatile long* shared;  // one word of the parent's, one of the child's
static int to[2], from[2];
static pid_t child;
static long turns;

static volatile long ticks;
static volatile pid_t ticked;

static void* wait_for_ticks(void* is_theirs) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGRTMIN);
  if (is_theirs) ticked = (pid_t)syscall(SYS_gettid);
  for (;;) {
    if (sigwaitinfo(&signals, NULL) != SIGRTMIN) continue;
    if (!is_theirs) state_fail("the timer", "signals another thread");
    ++ticks;
  }
  return NULL;
}

static void as_child(void) {
  pthread_t threads[2];
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  check("pthread_create", pthread_create(&threads[0], NULL, wait_for_ticks, NULL), 0);
  check("pthread_create", pthread_create(&threads[1], NULL, wait_for_ticks, (void*)1), 0);
  while (!ticked) usleep(100);
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN;
  event._sigev_un._tid = ticked;
  timer_t timer;
  must("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer));
  const struct itimerspec often = {{0, 2000000}, {0, 2000000}};
  must("timer_settime", timer_settime(timer, 0, &often, NULL));
  for (char order; read(to[0], &order, 1) == 1;) {
    const long before = ticks;
    while (ticks == before) usleep(500);
    const long read_there = shared[0];
    shared[1] = read_there + 1;
    if (write(from[1], &read_there, sizeof read_there) != sizeof read_there) _exit(1);
  }
  _exit(6);
}

static void ask(void) {
  long answer = 0;
  shared[0] = turns += 10;
  check("order", write(to[1], "?", 1), 1);
  check("answer", read(from[0], &answer, sizeof answer), sizeof answer);
  check("what the child reads", answer, turns);
  check("what the child wrote", shared[1], turns + 1);
}

void set_up(void) {
  shared = (volatile long*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check_true("mmap", shared != MAP_FAILED);
  must("pipe", pipe(to));
  must("pipe", pipe(from));
  child = (pid_t)must("fork", fork());
  if (child == 0) {
    close(to[1]);
    as_child();
  }
  ask();
}

void check_original(void) { ask(); }

void change(void) {
  int status = -1;
  close(to[1]);
  must("waitpid", waitpid(-1, &status, 0));  // whatever its number is now
  check("the child's code", WEXITSTATUS(status), 6);
  if (state_argc) must("munmap", munmap((void*)shared, 4096));
}

void check_changed(void) { check("waitpid", waitpid(-1, NULL, WNOHANG), -1); }
