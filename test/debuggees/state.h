// The frame of a self-checking program for one kind of state: its main(), its checks, ten threads beside it on demand.
// Must not know any kind. test/support/stateKinds.ts drives such a program; see there for what is done with it.
//
// A program includes this file first (it asks for the GNU names) and defines these four:
//   set_up()          makes the state
//   check_original()  verifies what set_up() made; may use it up (read the pipe empty). Called each time after `armed`
//   change()          changes or destroys all of it
//   check_changed()   verifies the changed state. Called twice, so it must leave the state as it finds it
// and may define these:
//   clean_up()           removes what would outlive the process: files, IPC objects. Called last, after check_changed()
//   change_otherwise()   another change than change(), for a branch of the timeline
//
// What runs:  set_up → at_armed → check_original → change → check_changed → at_changed → check_changed → at_checked → PASS
// or, where the test has set state_branch at `armed`:  at_armed → check_original → change_otherwise → at_branched
// or, where it has set state_left (a kind that is told and left as it is):  at_armed → at_checked → PASS
//
// The working directory is an empty one of the test's own, and must be empty again at the end. `--threads` starts ten
// threads, which block every signal. Other arguments are in state_argc and state_argv (without argv[0]).
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void set_up(void);
void check_original(void);
void change(void);
void check_changed(void);
__attribute__((weak)) void clean_up(void);
__attribute__((weak)) void change_otherwise(void);

static int state_argc;
static char** state_argv;
static const char* state_phase = "set up";

#ifdef __cplusplus
extern "C" {
#endif
/** Written by the test while the program stands at `armed`. */
volatile int state_branch = 0;
volatile int state_left = 0;
/** How often each stage was reached, seen from memory: must go back with it. */
volatile int state_armed = 0;
volatile int state_changed = 0;

__attribute__((noinline)) void at_armed(void) { __asm__ volatile("" ::: "memory"); }     // @armed
__attribute__((noinline)) void at_changed(void) { __asm__ volatile("" ::: "memory"); }   // @changed
__attribute__((noinline)) void at_checked(void) { __asm__ volatile("" ::: "memory"); }   // @checked
__attribute__((noinline)) void at_branched(void) { __asm__ volatile("" ::: "memory"); }  // @branched
#ifdef __cplusplus
}
#endif

/** Ends the program as failed: `why` in words. */
__attribute__((noreturn, unused)) static void state_fail(const char* what, const char* why) {
  char line[512];
  int length = snprintf(line, sizeof line, "FAIL (%s) %s: %s\n", state_phase, what, why);
  if (length > (int)sizeof line) length = sizeof line;
  ssize_t ignored = write(2, line, (size_t)length);
  (void)ignored;
  _exit(1);
}

/** `got` must be `wanted`. */
__attribute__((unused)) static void check(const char* what, long got, long wanted) {
  if (got == wanted) return;
  char why[128];
  snprintf(why, sizeof why, "got %ld, wanted %ld (errno %d)", got, wanted, errno);
  state_fail(what, why);
}

__attribute__((unused)) static void check_true(const char* what, int truth) {
  if (!truth) state_fail(what, "is not so");
}

/** A call that must not fail (-1): gives its result. */
__attribute__((unused)) static long must(const char* what, long result) {
  if (result == -1) state_fail(what, strerror(errno));
  return result;
}

__attribute__((unused)) static void check_text(const char* what, const char* got, const char* wanted) {
  if (strcmp(got, wanted) == 0) return;
  char why[256];
  snprintf(why, sizeof why, "got \"%.80s\", wanted \"%.80s\"", got, wanted);
  state_fail(what, why);
}

__attribute__((unused)) static void check_bytes(const char* what, const void* got, const void* wanted, size_t size) {
  const unsigned char* a = (const unsigned char*)got;
  const unsigned char* b = (const unsigned char*)wanted;
  for (size_t i = 0; i < size; ++i) {
    if (a[i] == b[i]) continue;
    char why[128];
    snprintf(why, sizeof why, "byte %zu of %zu is %02x, wanted %02x", i, size, a[i], b[i]);
    state_fail(what, why);
  }
}

// Ten threads that check themselves: memory of their own, memory shared under a lock, their number and stack.
enum { kStateThreads = 10, kStateWords = 512 };
static pthread_t state_threads[kStateThreads];
static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int state_quit = 0;
static long state_turns[kStateThreads];
static long state_turns_together = 0;
static __thread long state_own_turns = 0;

static void* state_thread(void* argument) {
  const long number = (long)argument;
  const long tid = syscall(SYS_gettid);
  unsigned words[kStateWords];
  memset(words, 0, sizeof words);
  unsigned seed = (unsigned)number * 2654435761u | 1;
  while (!state_quit) {
    const unsigned before = seed;
    for (int i = 0; i < kStateWords; ++i) {
      if (state_own_turns > 0) check("thread: its words", (long)words[i], (long)((before >> 1) + (unsigned)i));
      words[i] = ((before * 1664525u + 1013904223u) >> 1) + (unsigned)i;
    }
    seed = before * 1664525u + 1013904223u;
    pthread_mutex_lock(&state_lock);
    check("thread: turns", state_turns[number], state_own_turns);
    long sum = 0;
    for (int i = 0; i < kStateThreads; ++i) sum += state_turns[i];
    check("threads: turns together", state_turns_together, sum);
    state_turns[number] = ++state_own_turns;
    ++state_turns_together;
    pthread_mutex_unlock(&state_lock);
    check("thread: its number", syscall(SYS_gettid), tid);
    usleep((useconds_t)(200 + 100 * number));
  }
  return NULL;
}

static void state_start_threads(void) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (long i = 0; i < kStateThreads; ++i) {
    check("pthread_create", pthread_create(&state_threads[i], NULL, state_thread, (void*)i), 0);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int state_end(int with_threads) {
  if (with_threads) {
    state_quit = 1;
    for (int i = 0; i < kStateThreads; ++i) check("pthread_join", pthread_join(state_threads[i], NULL), 0);
  }
  if (clean_up) {
    state_phase = "clean up";
    clean_up();
  }
  must("write", write(1, "PASS\n", 5));
  return 0;
}

int main(int argc, char** argv) {
  int with_threads = 0;
  state_argv = (char**)calloc((size_t)argc + 1, sizeof(char*));
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--threads") == 0) {
      with_threads = 1;
    } else {
      state_argv[state_argc++] = argv[i];
    }
  }
  if (with_threads) state_start_threads();
  set_up();
  ++state_armed;
  at_armed();
  if (state_left) {
    at_checked();
    return state_end(with_threads);
  }
  state_phase = "original";
  check("armed, in memory", state_armed, 1);
  check("not yet changed, in memory", state_changed, 0);
  check_original();
  if (state_branch) {
    state_phase = "branch";
    if (change_otherwise) change_otherwise();
    for (;;) at_branched();
  }
  state_phase = "change";
  change();
  state_phase = "changed";
  check_changed();
  ++state_changed;
  at_changed();
  check("changed, in memory", state_changed, 1);
  check_changed();
  at_checked();
  return state_end(with_threads);
}
