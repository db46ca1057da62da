// What the kernel keeps for a process besides memory and descriptors: set up, changed, and checked after a rollback.
// The test writes 1 to `rolled_back` at `armed`; then the state must be the one that was set up.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

volatile int rolled_back = 0;
static int wrong = 0;
static timer_t first_timer, second_timer, late_timer;
static pthread_t sleeper;
static volatile int quit = 0;
static volatile int sleeper_ready = 0;

__attribute__((noinline)) void armed(void) { __asm__ volatile("" ::: "memory"); }    // @armed
__attribute__((noinline)) void changed(void) { __asm__ volatile("" ::: "memory"); }  // @changed

static void expect(const char* what, long got, long wanted) {
  if (got == wanted) return;
  ++wrong;
  fprintf(stderr, "%s: got %ld, wanted %ld\n", what, got, wanted);
}

static void on_usr2(int signal) { (void)signal; }

static void* sleep_until_quit(void* unused) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_setname_np(pthread_self(), "before");
  sleeper_ready = 1;
  while (!quit) usleep(1000);
  return unused;
}

static void queue_to_self(int signal, int value) {
  union sigval data = {.sival_int = value};
  expect("sigqueue", sigqueue(getpid(), signal, data), 0);
}

static long take(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  siginfo_t info;
  struct timespec none = {0, 0};
  if (sigtimedwait(&set, &info, &none) < 0) return -errno;
  return info.si_value.sival_int;
}

static void set_up(void) {
  expect("chdir", chdir("/usr"), 0);
  umask(027);
  struct rlimit limit = {200, 4096};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 200;
  setrlimit(RLIMIT_NOFILE, &limit);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGALRM);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct sigaction action = {.sa_handler = on_usr2, .sa_flags = SA_RESTART};
  sigaddset(&action.sa_mask, SIGHUP);
  sigaction(SIGUSR2, &action, NULL);
  pthread_create(&sleeper, NULL, sleep_until_quit, NULL);
  while (!sleeper_ready) usleep(100);
  for (int i = 1; i <= 3; ++i) queue_to_self(SIGRTMIN, 10 * i);
  union sigval data = {.sival_int = 77};
  pthread_sigqueue(sleeper, SIGRTMIN + 1, data);
  struct itimerval interval = {.it_interval = {5, 0}, .it_value = {1000, 0}};
  setitimer(ITIMER_REAL, &interval, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 5}};
  expect("timer_create", timer_create(CLOCK_MONOTONIC, &event, &first_timer), 0);
  expect("timer_create", timer_create(CLOCK_REALTIME, &event, &second_timer), 0);
  struct itimerspec setting = {.it_interval = {7, 0}, .it_value = {2000, 0}};
  timer_settime(first_timer, 0, &setting, NULL);
  setting.it_value.tv_sec = 3000;
  timer_settime(second_timer, 0, &setting, NULL);
}

static void change(void) {
  expect("chdir", chdir("/"), 0);
  umask(0);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 100;
  setrlimit(RLIMIT_NOFILE, &limit);
  struct sigaction action = {.sa_handler = SIG_IGN};
  sigaction(SIGUSR2, &action, NULL);
  for (int i = 1; i <= 3; ++i) expect("queued signal", take(SIGRTMIN), 10 * i);
  expect("no more signals", take(SIGRTMIN), -EAGAIN);
  queue_to_self(SIGRTMIN, 99);
  struct itimerval none = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &none, NULL);
  timer_delete(first_timer);
  struct itimerspec setting = {.it_value = {9000, 0}};
  timer_settime(second_timer, 0, &setting, NULL);
  timer_create(CLOCK_MONOTONIC, NULL, &late_timer);
  pthread_setname_np(sleeper, "after");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  pthread_setaffinity_np(sleeper, sizeof one, &one);
}

static void check_remaining(const char* what, timer_t timer, long about, long interval) {
  struct itimerspec now = {{0, 0}, {0, 0}};
  expect(what, timer_gettime(timer, &now), 0);
  expect(what, now.it_value.tv_sec > about - 60 && now.it_value.tv_sec <= about, 1);
  expect(what, now.it_interval.tv_sec, interval);
}

static void check(void) {
  char directory[256];
  expect("working directory", strcmp(getcwd(directory, sizeof directory), "/usr"), 0);
  expect("umask", umask(027), 027);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  expect("soft limit", (long)limit.rlim_cur, 200);
  struct sigaction action;
  sigaction(SIGUSR2, NULL, &action);
  expect("handler", action.sa_handler == on_usr2 && sigismember(&action.sa_mask, SIGHUP), 1);
  for (int i = 1; i <= 3; ++i) expect("queued signal", take(SIGRTMIN), 10 * i);
  expect("no more signals", take(SIGRTMIN), -EAGAIN);
  struct itimerval interval;
  getitimer(ITIMER_REAL, &interval);
  expect("interval timer", interval.it_value.tv_sec > 900 && interval.it_interval.tv_sec == 5, 1);
  check_remaining("first timer", first_timer, 2000, 7);
  check_remaining("second timer", second_timer, 3000, 7);
  char name[32];
  pthread_getname_np(sleeper, name, sizeof name);
  expect("thread name", strcmp(name, "before"), 0);
  cpu_set_t now;
  pthread_getaffinity_np(sleeper, sizeof now, &now);
  cpu_set_t ours;
  sched_getaffinity(0, sizeof ours, &ours);
  expect("affinity", CPU_COUNT(&now), CPU_COUNT(&ours));
}

int main(void) {
  set_up();
  armed();
  if (!rolled_back) {
    change();
    changed();
    return 99;
  }
  check();
  quit = 1;
  pthread_join(sleeper, NULL);
  puts(wrong ? "FAIL" : "PASS");
  return wrong;
}
