// Threads that end by a system call of the program's own, which no debugger can catch: what comes back must be the same
// threads, with the ids that the kernel's own locks know them by.
#include "state.h"

#include <sys/wait.h>

enum { kVanishing = 4 };

static pthread_mutex_t mutexes[kVanishing];
static pthread_t threads[kVanishing];
static pid_t ids[kVanishing], process;
static pthread_barrier_t ready;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static int go, finished[kVanishing];
static __thread int own;

static void* run(void* argument) {
  const int index = (int)(long)argument;
  ids[index] = gettid();
  own = 1000 + index;
  // The kernel compares its owner with the thread that unlocks it.
  check("lock", pthread_mutex_lock(&mutexes[index]), 0);
  pthread_barrier_wait(&ready);
  pthread_mutex_lock(&gate);
  while (!go) pthread_cond_wait(&opened, &gate);
  pthread_mutex_unlock(&gate);
  check("the thread's id", gettid(), ids[index]);
  check("the thread's own variable", own, 1000 + index);
  check("unlock by the owner", pthread_mutex_unlock(&mutexes[index]), 0);
  finished[index] = 1;
  __asm__ volatile("syscall" : : "a"(SYS_exit), "D"(0) : "rcx", "r11", "memory");
  return NULL;
}

void set_up(void) {
  pthread_mutexattr_t inherit;
  pthread_mutexattr_init(&inherit);
  pthread_mutexattr_setprotocol(&inherit, PTHREAD_PRIO_INHERIT);
  pthread_barrier_init(&ready, NULL, kVanishing + 1);
  process = getpid();
  for (int i = 0; i < kVanishing; ++i) {
    pthread_mutex_init(&mutexes[i], &inherit);
    check("create", pthread_create(&threads[i], NULL, run, (void*)(long)i), 0);
  }
  pthread_barrier_wait(&ready);
}

void check_original(void) {
  char name[32], link[32] = {0};
  snprintf(name, sizeof name, "%d", process);
  must("readlink", readlink("/proc/self", link, sizeof link - 1));
  check_text("the process in /proc", link, name);
  check("the process id", getpid(), process);
  for (int i = 0; i < kVanishing; ++i) {
    check("finished", finished[i], 0);
    check("locked by its owner", pthread_mutex_trylock(&mutexes[i]), EBUSY);
    must("the thread answers to its id", syscall(SYS_tgkill, process, ids[i], 0));
  }
}

void change(void) {
  pthread_mutex_lock(&gate);
  go = 1;
  pthread_cond_broadcast(&opened);
  pthread_mutex_unlock(&gate);
  for (int i = 0; i < kVanishing; ++i) check("join", pthread_join(threads[i], NULL), 0);
  pid_t child = fork();
  if (child == 0) _exit(7);
  int status;
  check("a child", waitpid(child, &status, 0), child);
  check("its exit code", WEXITSTATUS(status), 7);
}

void check_changed(void) {
  for (int i = 0; i < kVanishing; ++i) {
    check("finished", finished[i], 1);
    check("unlocked", pthread_mutex_trylock(&mutexes[i]), 0);
    check("unlock", pthread_mutex_unlock(&mutexes[i]), 0);
  }
}
