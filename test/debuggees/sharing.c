// A child process that has its parent's memory for good: clone(CLONE_VM) without CLONE_VFORK and CLONE_THREAD.
#include "state.h"

#include <sched.h>
#include <sys/wait.h>

static volatile long turns = 0;
static volatile int quit = 0;
static char stack[64 << 10];
static pid_t child;

__attribute__((noinline)) void at_turn(void) { __asm__ volatile("" ::: "memory"); }

// Registers and stack must go back with the memory.
static int run(void* unused) {
  (void)unused;
  const long begin = turns;
  for (long own = 0; !quit; ++own, ++turns) {
    at_turn();
    usleep(100);
    if (begin + own != turns) return 8;
  }
  return 7;
}

static void check_it_runs(void) {
  const long before = turns;
  while (turns == before) sched_yield();
  check("the child", waitpid(child, NULL, WNOHANG), 0);
}

void set_up(void) {
  child = (pid_t)must("clone", clone(run, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL));
}

void check_original(void) { check_it_runs(); }
void change(void) { check_it_runs(); }
void check_changed(void) { check_it_runs(); }

void clean_up(void) {
  int status = 0;
  quit = 1;
  check("waitpid", waitpid(child, &status, 0), child);
  check("the child's code", WEXITSTATUS(status), 7);
}
