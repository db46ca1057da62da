// Child processes in many states, each in touch with its parent over pipes: one that waits for orders, one that computes
// all the time, one that is stopped, one that has ended and was not waited for, one that ends, one that is born.
// "--lasting": only those that live all the time. "--spawn": one of them runs this program anew (posix_spawn).
// "--exec": the only ones run a copy of this program, at addresses of their own: one that ends, and one that is born.
// "--wait": does not begin before a debugger has attached and set `children_go`.
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

typedef struct {
  pid_t pid;
  int to, from;  // our ends
} Child;

static Child listener, worker, stopped, leaver, newborn, spawned;
static pid_t zombie;
static int lasting, spawn, exec;
volatile int children_go = 0;
static const char* run_anew;  // the first argument of a program that was run anew

enum { kWords = 4096 };
static unsigned words[kWords];  // a child's own copy

static void answer(int to, long value) {
  if (write(to, &value, sizeof value) != sizeof value) _exit(3);
}

static void fill_stack(int depth) {
  volatile char room[2048];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = (char)depth;
  if (depth > 0) fill_stack(depth - 1);
  for (size_t i = 0; i < sizeof room; ++i)
    if (room[i] != (char)depth) state_fail("the stack", "is not what was put there");
}

// What exec gave it is where it knows it to be: heap, stack, arguments, the kernel's own code, its auxiliary vector.
static void use_program(void) {
  static struct timespec before;
  static void* blocks[64];
  static int next;
  struct timespec now;
  must("clock_gettime", clock_gettime(CLOCK_MONOTONIC, &now));
  if (now.tv_sec < before.tv_sec) state_fail("the clock", "goes backwards");
  before = now;
  free(blocks[next]);
  blocks[next] = malloc(100000);
  memset(blocks[next], next, 100000);
  next = (next + 1) % 64;
  fill_stack(32);
  if (!getauxval(AT_SYSINFO_EHDR) || memcmp((void*)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) != 0) state_fail("the kernel's code", "is elsewhere");
  if (!run_anew) return;
  char line[64] = "";
  const int fd = (int)must("open", open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC));
  must("read", read(fd, line, sizeof line - 1));
  close(fd);
  if (strcmp(line, run_anew) != 0) state_fail("the arguments that the system knows", line);
  unsigned long kept[2] = {0};
  const int vector = (int)must("open", open("/proc/self/auxv", O_RDONLY | O_CLOEXEC));
  while (read(vector, kept, sizeof kept) == sizeof kept && kept[0])
    if ((kept[0] == AT_SYSINFO_EHDR || kept[0] == AT_PHDR) && getauxval(kept[0]) != kept[1]) state_fail("the auxiliary vector", "is another");
  close(vector);
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
    use_program();
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

static void make_copy(void) {
  char bytes[4096];
  const int from = (int)must("open", open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const int to = (int)must("open", open("copy", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755));
  for (ssize_t size; (size = must("read", read(from, bytes, sizeof bytes))) > 0;) check("written", write(to, bytes, (size_t)size), size);
  close(from);
  close(to);
}

// At addresses that no other program has, not even this one.
static void run_elsewhere(int from, int to, char* role) {
  char from_text[16], to_text[16];
  snprintf(from_text, sizeof from_text, "%d", from);
  snprintf(to_text, sizeof to_text, "%d", to);
  must("fcntl", fcntl(from, F_SETFD, 0));
  must("fcntl", fcntl(to, F_SETFD, 0));
  must("personality", personality((unsigned long)personality(0xffffffff) & ~(unsigned long)ADDR_NO_RANDOMIZE));
  char name[] = "another", padding[70000];
  memset(padding, 'x', sizeof padding);
  padding[sizeof padding - 1] = 0;
  char* arguments[] = {name, role, from_text, to_text, padding, NULL};
  execv("./copy", arguments);
  state_fail("exec", strerror(errno));
}

static void run_other(int from, int to) { run_elsewhere(from, to, "--listen"); }
static void run_other_newborn(int from, int to) { run_elsewhere(from, to, "--newborn"); }

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

static void wait_for_debugger(void) {
  printf("READY %d\n", getpid());
  fflush(stdout);
  while (!children_go) usleep(1000);
}

void set_up(void) {
  int wait = 0;
  for (int i = 0; i < state_argc; ++i) {
    lasting |= strcmp(state_argv[i], "--lasting") == 0;
    spawn |= strcmp(state_argv[i], "--spawn") == 0;
    exec |= strcmp(state_argv[i], "--exec") == 0;
    wait |= strcmp(state_argv[i], "--wait") == 0;
  }
  if (state_argc >= 3 && (strcmp(state_argv[0], "--listen") == 0 || strcmp(state_argv[0], "--newborn") == 0)) {
    if (state_argc == 4) run_anew = "another";
    listen_to(atoi(state_argv[1]), atoi(state_argv[2]), strcmp(state_argv[0], "--listen") == 0 ? 900 : 1300);
  }
  if (exec) {
    make_copy();
    spawned = start(run_other);
    ask(&spawned, 0);
    return;
  }
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
  if (wait) wait_for_debugger();
  if (lasting) return;
  leaver = start(run_leaver);
  ask(&leaver, 0);
  zombie = (pid_t)must("fork", fork());
  if (zombie == 0) _exit(7);
  siginfo_t info;
  must("waitid", waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT));
}

void check_original(void) {
  if (exec) return check("the other program", ask(&spawned, 0), 900);
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
  if (exec) {
    check("the other program", ask(&spawned, 13), 913);
    ask(&spawned, -1);
    check("the other program's code", WEXITSTATUS(status_of(spawned.pid)), 13);
    newborn = start(run_other_newborn);
    return check("the newborn", ask(&newborn, 1), 1301);
  }
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

/** Its number may have gone to a stranger meanwhile: what counts is that it is no child. */
static void check_gone(const char* what, pid_t pid) {
  siginfo_t info;
  check(what, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), -1);
}

void check_changed(void) {
  if (exec) {
    check_gone("the other program is gone", spawned.pid);
    return check("the newborn", ask(&newborn, 0), 1301);
  }
  check("the listener", ask(&listener, 0), 150);
  check_alive("the worker", &worker);
  check_true("the worker's turns", ask(&worker, 0) >= 0);
  check("the stopped child goes on", ask(&stopped, 0), 705);
  if (spawn) check("the spawned child", ask(&spawned, 0), 911);
  if (lasting) return;
  check("the newborn", ask(&newborn, 0), 301);
  check_gone("the leaver is gone", leaver.pid);
  check_gone("the zombie is gone", zombie);
}

void change_otherwise(void) {
  if (exec) return check("the other program", ask(&spawned, 7), 907);
  check("the listener", ask(&listener, 7), 107);
  if (lasting) return;
  check("the leaver", ask(&leaver, 7), 507);
  newborn = start(run_newborn);
  check("another newborn", ask(&newborn, 9), 309);
}

void clean_up(void) {
  if (exec) {
    ask(&newborn, -1);
    check("the newborn's code", WEXITSTATUS(status_of(newborn.pid)), 1);
    unlink("copy");
    return check("no child is left", waitpid(-1, NULL, 0), -1);
  }
  const Child* all[] = {&listener, &worker, &stopped, &newborn, &spawned};
  const int codes[] = {50, 9, 5, 1, 11};
  for (int i = 0; i < 5; ++i) {
    if (!all[i]->pid) continue;
    ask(all[i], -1);
    check("a child's code", WEXITSTATUS(status_of(all[i]->pid)), codes[i]);
  }
  check("no child is left", waitpid(-1, NULL, 0), -1);
}
