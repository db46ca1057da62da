// Child processes in many states, each in touch with its parent over pipes: one that waits for orders, one that computes
// all the time, one that is stopped, one that has ended and was not waited for, one that ends, one that is born.
// "--lasting": only those that live all the time. "--spawn": one of them runs this program anew (posix_spawn).
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

extern char** environ;

typedef struct {
  pid_t pid;
  int to, from;  // our ends
} Child;

static Child listener, worker, stopped, leaver, newborn, spawned;
static pid_t zombie;
static int lasting, spawn;

enum { kWords = 4096 };
static unsigned words[kWords];  // a child's own copy

static void answer(int to, long value) {
  if (write(to, &value, sizeof value) != sizeof value) _exit(3);
}

// Waits for orders: a number to add, 0 to tell the sum, -1 to end.
__attribute__((noreturn)) static void listen_to(int from, int to, long value) {
  const pid_t self = getpid();
  for (int i = 0; i < kWords; ++i) words[i] = (unsigned)(value + i);
  for (;;) {
    long order;
    if (read(from, &order, sizeof order) != sizeof order) _exit(2);
    if (getpid() != self) state_fail("a child's number", "is another");
    for (int i = 0; i < kWords; ++i)
      if (words[i] != (unsigned)(value + i)) state_fail("a child's memory", "does not go with its sum");
    if (order == -1) _exit((int)(value % 100));
    value += order;
    for (int i = 0; i < kWords; ++i) words[i] = (unsigned)(value + i);
    answer(to, value);
  }
}

// Computes all the time, and checks what it has computed before.
__attribute__((noreturn)) static void work(int from, int to) {
  unsigned seed = 1;
  long turns = 0;
  struct pollfd order = {from, POLLIN, 0};
  for (;; ++turns) {
    for (int i = 0; i < kWords; ++i) {
      if (turns > 0 && words[i] != seed + (unsigned)i) state_fail("the worker's memory", "does not go with its turns");
      words[i] = seed * 1664525u + 1013904223u + (unsigned)i;
    }
    seed = seed * 1664525u + 1013904223u;
    if (poll(&order, 1, 1) <= 0) continue;
    long what;
    if (read(from, &what, sizeof what) != sizeof what) _exit(2);
    if (what == -1) _exit(9);
    answer(to, turns);
  }
}

static Child start(void (*run)(int, int)) {
  int there[2], back[2];
  must("pipe", pipe2(there, O_CLOEXEC));
  must("pipe", pipe2(back, O_CLOEXEC));
  Child child = {(pid_t)must("fork", fork()), there[1], back[0]};
  if (child.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(there[1]);
    close(back[0]);
    run(there[0], back[1]);
  }
  close(there[0]);
  close(back[1]);
  return child;
}

static void run_listener(int from, int to) { listen_to(from, to, 100); }
static void run_leaver(int from, int to) { listen_to(from, to, 500); }
static void run_newborn(int from, int to) { listen_to(from, to, 300); }
static void run_stopped(int from, int to) {
  raise(SIGSTOP);
  listen_to(from, to, 700);
}

static Child start_program(void) {
  int there[2], back[2];
  char from[16], to[16], name[] = "/proc/self/exe", role[] = "--listen";
  must("pipe", pipe(there));
  must("pipe", pipe(back));
  snprintf(from, sizeof from, "%d", there[0]);
  snprintf(to, sizeof to, "%d", back[1]);
  char* arguments[] = {name, role, from, to, NULL};
  Child child = {0, there[1], back[0]};
  check("posix_spawn", posix_spawn(&child.pid, name, NULL, NULL, arguments, environ), 0);
  close(there[0]);
  close(back[1]);
  return child;
}

static long ask(const Child* child, long order) {
  long value = -1;
  if (write(child->to, &order, sizeof order) != sizeof order) state_fail("an order", "could not be given");
  if (order == -1) return 0;
  if (read(child->from, &value, sizeof value) != sizeof value) state_fail("an answer", "did not come");
  return value;
}

static char process_state(pid_t pid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  const char* end = strrchr(text, ')');
  return end ? end[2] : 0;
}

static int status_of(pid_t pid) {
  int status = -1;
  check("waitpid", waitpid(pid, &status, 0), pid);
  return status;
}

static void check_alive(const char* what, const Child* child) { check(what, waitpid(child->pid, NULL, WNOHANG), 0); }

void set_up(void) {
  for (int i = 0; i < state_argc; ++i) {
    lasting |= strcmp(state_argv[i], "--lasting") == 0;
    spawn |= strcmp(state_argv[i], "--spawn") == 0;
  }
  if (state_argc == 3 && strcmp(state_argv[0], "--listen") == 0) listen_to(atoi(state_argv[1]), atoi(state_argv[2]), 900);
  listener = start(run_listener);
  worker = start(work);
  // Answered: each has closed what it inherited.
  ask(&listener, 0);
  ask(&worker, 0);
  stopped = start(run_stopped);
  check("stopped", waitpid(stopped.pid, NULL, WUNTRACED), stopped.pid);
  if (spawn) {
    spawned = start_program();
    check("the spawned child", ask(&spawned, 0), 900);
  }
  if (lasting) return;
  leaver = start(run_leaver);
  ask(&leaver, 0);
  zombie = (pid_t)must("fork", fork());
  if (zombie == 0) _exit(7);
  siginfo_t info;
  must("waitid", waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT));
}

void check_original(void) {
  check("the listener", ask(&listener, 0), 100);
  check_alive("the worker", &worker);
  check_true("the worker's turns", ask(&worker, 0) >= 0);
  // A small t: stopped, and traced.
  check("the stopped child is stopped", process_state(stopped.pid) | 0x20, 't');
  if (spawn) check("the spawned child", ask(&spawned, 0), 900);
  if (lasting) return;
  check("the leaver", ask(&leaver, 0), 500);
  siginfo_t info = {0};
  must("waitid", waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT | WNOHANG));
  check("the zombie", info.si_pid, zombie);
  check("the zombie's code", info.si_status, 7);
}

void change(void) {
  check("the listener", ask(&listener, 50), 150);
  must("kill", kill(stopped.pid, SIGCONT));
  check("the stopped child", ask(&stopped, 5), 705);
  if (spawn) check("the spawned child", ask(&spawned, 11), 911);
  if (lasting) return;
  ask(&leaver, -1);
  check("the leaver's code", WEXITSTATUS(status_of(leaver.pid)), 0);
  check("the zombie's code", WEXITSTATUS(status_of(zombie)), 7);
  newborn = start(run_newborn);
  check("the newborn", ask(&newborn, 1), 301);
}

void check_changed(void) {
  check("the listener", ask(&listener, 0), 150);
  check_alive("the worker", &worker);
  check_true("the worker's turns", ask(&worker, 0) >= 0);
  check("the stopped child goes on", ask(&stopped, 0), 705);
  if (spawn) check("the spawned child", ask(&spawned, 0), 911);
  if (lasting) return;
  check("the newborn", ask(&newborn, 0), 301);
  check("the leaver is gone", kill(leaver.pid, 0), -1);
  check("the zombie is gone", kill(zombie, 0), -1);
}

void change_otherwise(void) {
  check("the listener", ask(&listener, 7), 107);
  if (lasting) return;
  check("the leaver", ask(&leaver, 7), 507);
  newborn = start(run_newborn);
  check("another newborn", ask(&newborn, 9), 309);
}

void clean_up(void) {
  const Child* all[] = {&listener, &worker, &stopped, &newborn, &spawned};
  const int codes[] = {50, 9, 5, 1, 11};
  for (int i = 0; i < 5; ++i) {
    if (!all[i]->pid) continue;
    ask(all[i], -1);
    check("a child's code", WEXITSTATUS(status_of(all[i]->pid)), codes[i]);
  }
  check("no child is left", waitpid(-1, NULL, 0), -1);
}
