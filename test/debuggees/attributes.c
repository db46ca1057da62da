// What the kernel keeps for a process besides memory and descriptors: signals that are pending, actions, timers, the
// working directory, umask, limits, names and affinity of threads. One kind by argument: see state.h for the frame.
#include "state.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

static timer_t first_timer, second_timer, late_timer;
static pthread_t sleeper;
static volatile int quit = 0;
static volatile int sleeper_ready = 0;
static char original_directory[512];
static unsigned char alternate[2][16384];

static void on_usr2(int signal) { (void)signal; }

static void* sleep_until_quit(void* unused) {
  sigset_t set;
  sigfillset(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_setname_np(pthread_self(), "before");
  sleeper_ready = 1;
  while (!quit) usleep(1000);
  return unused;
}

static void queue_to_self(int signal, int value) {
  union sigval data = {.sival_int = value};
  must("sigqueue", sigqueue(getpid(), signal, data));
}

static long take(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  siginfo_t info;
  struct timespec none = {0, 0};
  if (sigtimedwait(&set, &info, &none) < 0) return -errno;
  if (info.si_pid != getpid() && info.si_code == SI_QUEUE) return -1;
  return info.si_value.sival_int;
}

static void block(int how, int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  must("sigprocmask", sigprocmask(how, &set, NULL));
}

static int blocked(int signal) {
  sigset_t set;
  sigprocmask(SIG_BLOCK, NULL, &set);
  return sigismember(&set, signal);
}

static void set_alternate(int number) {
  stack_t stack = {.ss_sp = alternate[number], .ss_size = sizeof alternate[0] - 4096 * (size_t)number};
  must("sigaltstack", sigaltstack(&stack, NULL));
}

static void check_alternate(int number) {
  stack_t stack;
  must("sigaltstack", sigaltstack(NULL, &stack));
  check_true("alternate stack", stack.ss_sp == alternate[number] && stack.ss_size == sizeof alternate[0] - 4096 * (size_t)number);
}

static void check_action(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  sigaction(signal, NULL, &action);
  check_true("handler", action.sa_handler == handler);
  check("flags of the action", action.sa_flags & SA_RESTART, flags);
  check("mask of the action", sigismember(&action.sa_mask, SIGHUP), flags != 0);
}

static void set_up_signals(void) {
  block(SIG_BLOCK, SIGRTMIN);
  block(SIG_BLOCK, SIGHUP);
  struct sigaction action = {.sa_handler = on_usr2, .sa_flags = SA_RESTART};
  sigaddset(&action.sa_mask, SIGHUP);
  sigaction(SIGUSR2, &action, NULL);
  for (int i = 1; i <= 3; ++i) queue_to_self(SIGRTMIN, 10 * i);
  must("raise", raise(SIGHUP));
  union sigval data = {.sival_int = 77};
  check("pthread_sigqueue", pthread_sigqueue(sleeper, SIGRTMIN + 1, data), 0);
  set_alternate(0);
}

static void check_signals(void) {
  check_action(SIGUSR2, on_usr2, SA_RESTART);
  check("SIGHUP is blocked", blocked(SIGHUP), 1);
  check("SIGRTMIN is blocked", blocked(SIGRTMIN), 1);
  for (int i = 1; i <= 3; ++i) check("queued signal", take(SIGRTMIN), 10 * i);
  check("no more signals", take(SIGRTMIN), -EAGAIN);
  sigset_t pending;
  sigpending(&pending);
  check("SIGHUP is pending", sigismember(&pending, SIGHUP), 1);
  check_alternate(0);
}

static void change_signals(void) {
  struct sigaction action = {.sa_handler = SIG_IGN};
  sigaction(SIGUSR2, &action, NULL);
  while (take(SIGRTMIN) >= 0) {
  }
  queue_to_self(SIGRTMIN, 99);
  take(SIGHUP);
  block(SIG_UNBLOCK, SIGHUP);
  block(SIG_BLOCK, SIGWINCH);
  set_alternate(1);
}

static void check_changed_signals(void) {
  check_action(SIGUSR2, SIG_IGN, 0);
  check("SIGHUP is not blocked", blocked(SIGHUP), 0);
  check("SIGWINCH is blocked", blocked(SIGWINCH), 1);
  check("queued late", take(SIGRTMIN), 99);
  check("nothing more is queued", take(SIGRTMIN), -EAGAIN);
  queue_to_self(SIGRTMIN, 99);
  check_alternate(1);
}

// A sleep in progress that is told in place what remains, as sleep(3) does it: the kernel tells whenever it is
// interrupted, and it is at each snapshot.
static struct timespec remaining = {100000, 0}, noted;
static pid_t sleeping;

static void* sleep_long(void* unused) {
  (void)unused;
  __atomic_store_n(&sleeping, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
  nanosleep(&remaining, &remaining);
  state_fail("sleep", "has ended");
}

static void await_sleep(void) {
  char path[64], line[256] = "";
  while (!__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST)) usleep(500);
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", sleeping);
  while (!strstr(line, ") S ")) {
    FILE* file = fopen(path, "r");
    check_true("stat", file && fgets(line, sizeof line, file));
    fclose(file);
    usleep(20000);
  }
}

static int is_less(struct timespec a, struct timespec b) { return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec; }

static void note_sleep(void) {
  const struct timespec whole = {100000, 0};
  noted = remaining;
  check_true("the sleep has been interrupted", noted.tv_sec > 50000 && is_less(noted, whole));
}

// What the kernel tells has the slack of the timer in it, 50 µs each time that a sleep is issued again.
static void check_sleep(void) {
  struct timespec most = {noted.tv_sec, noted.tv_nsec + 5000000};
  if (most.tv_nsec >= 1000000000) most.tv_sec += 1, most.tv_nsec -= 1000000000;
  check_true("what remains of a sleep is not more than before", !is_less(most, remaining));
}

static void set_up_timers(void) {
  block(SIG_BLOCK, SIGALRM);
  block(SIG_BLOCK, SIGUSR1);
  struct itimerval interval = {.it_interval = {5, 0}, .it_value = {1000, 0}};
  must("setitimer", setitimer(ITIMER_REAL, &interval, NULL));
  // Of these two the time counts that the program itself needs.
  const struct itimerval user = {.it_interval = {6, 0}, .it_value = {4000, 0}}, both = {.it_interval = {8, 0}, .it_value = {5000, 0}};
  must("setitimer", setitimer(ITIMER_VIRTUAL, &user, NULL));
  must("setitimer", setitimer(ITIMER_PROF, &both, NULL));
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 5}};
  must("timer_create", timer_create(CLOCK_MONOTONIC, &event, &first_timer));
  must("timer_create", timer_create(CLOCK_REALTIME, &event, &second_timer));
  struct itimerspec setting = {.it_interval = {7, 0}, .it_value = {2000, 0}};
  must("timer_settime", timer_settime(first_timer, 0, &setting, NULL));
  setting.it_value.tv_sec = 3000;
  must("timer_settime", timer_settime(second_timer, 0, &setting, NULL));
  pthread_t thread;
  check("pthread_create", pthread_create(&thread, NULL, sleep_long, NULL), 0);
  await_sleep();
}

static void check_remaining(const char* what, timer_t timer, long about, long interval) {
  struct itimerspec now = {{0, 0}, {0, 0}};
  check(what, timer_gettime(timer, &now), 0);
  check_true(what, now.it_value.tv_sec > about - 300 && now.it_value.tv_sec <= about);
  check(what, now.it_interval.tv_sec, interval);
}

static void check_interval(const char* what, int which, long about, long every) {
  struct itimerval now;
  must(what, getitimer(which, &now));
  check_true(what, now.it_value.tv_sec > about - 300 && now.it_value.tv_sec <= about);
  check(what, now.it_interval.tv_sec, every);
}

static void check_timers(void) {
  note_sleep();
  check_interval("interval timer", ITIMER_REAL, 1000, 5);
  check_interval("interval timer of user time", ITIMER_VIRTUAL, 4000, 6);
  check_interval("interval timer of processor time", ITIMER_PROF, 5000, 8);
  check_remaining("first timer", first_timer, 2000, 7);
  check_remaining("second timer", second_timer, 3000, 7);
}

static void change_timers(void) {
  struct itimerval none = {{0, 0}, {0, 0}};
  must("setitimer", setitimer(ITIMER_REAL, &none, NULL));
  must("setitimer", setitimer(ITIMER_VIRTUAL, &none, NULL));
  const struct itimerval other = {.it_value = {9000, 0}};
  must("setitimer", setitimer(ITIMER_PROF, &other, NULL));
  must("timer_delete", timer_delete(first_timer));
  struct itimerspec setting = {.it_value = {9000, 0}};
  must("timer_settime", timer_settime(second_timer, 0, &setting, NULL));
  must("timer_create", timer_create(CLOCK_MONOTONIC, NULL, &late_timer));
}

static void check_changed_timers(void) {
  check_sleep();
  struct itimerval interval;
  getitimer(ITIMER_REAL, &interval);
  check("interval timer is off", interval.it_value.tv_sec, 0);
  getitimer(ITIMER_VIRTUAL, &interval);
  check("interval timer of user time is off", interval.it_value.tv_sec, 0);
  check_interval("interval timer of processor time", ITIMER_PROF, 9000, 0);
  check_remaining("second timer", second_timer, 9000, 0);
  check_remaining("late timer", late_timer, 0, 0);
}

static void set_up_process(void) {
  check_true("getcwd", getcwd(original_directory, sizeof original_directory) != NULL);
  umask(027);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 200;
  must("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
  must("prctl", prctl(PR_SET_NAME, "original"));
}

static void check_process(const char* directory, int mask, long files, const char* name) {
  char now[512];
  check_text("working directory", getcwd(now, sizeof now), directory);
  check("umask", umask((mode_t)mask), mask);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  check("soft limit", (long)limit.rlim_cur, files);
  must("prctl", prctl(PR_GET_NAME, now));
  check_text("name", now, name);
}

static void change_process(void) {
  must("chdir", chdir("/usr"));
  umask(0);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 100;
  must("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
  must("prctl", prctl(PR_SET_NAME, "late"));
}

static void check_thread(const char* wanted, int processors) {
  char name[32];
  pthread_getname_np(sleeper, name, sizeof name);
  check_text("name of the thread", name, wanted);
  cpu_set_t now;
  pthread_getaffinity_np(sleeper, sizeof now, &now);
  check("its affinity", CPU_COUNT(&now), processors);
}

static int processors(void) {
  cpu_set_t ours;
  sched_getaffinity(0, sizeof ours, &ours);
  return CPU_COUNT(&ours);
}

static void change_thread(void) {
  pthread_setname_np(sleeper, "after");
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  pthread_setaffinity_np(sleeper, sizeof one, &one);
}

static int is(const char* kind) { return state_argc == 0 || strcmp(state_argv[0], kind) == 0; }

void set_up(void) {
  check("pthread_create", pthread_create(&sleeper, NULL, sleep_until_quit, NULL), 0);
  while (!sleeper_ready) usleep(100);
  if (is("signals")) set_up_signals();
  if (is("timers")) set_up_timers();
  if (is("process")) set_up_process();
}

void check_original(void) {
  if (is("signals")) check_signals();
  if (is("timers")) check_timers();
  if (is("process")) check_process(original_directory, 027, 200, "original");
  if (is("threads")) check_thread("before", processors());
}

void change(void) {
  if (is("signals")) change_signals();
  if (is("timers")) change_timers();
  if (is("process")) change_process();
  if (is("threads")) change_thread();
}

void check_changed(void) {
  if (is("signals")) check_changed_signals();
  if (is("timers")) check_changed_timers();
  if (is("process")) check_process("/usr", 0, 100, "late");
  if (is("threads")) check_thread("after", 1);
}

void clean_up(void) {
  quit = 1;
  check("pthread_join", pthread_join(sleeper, NULL), 0);
}
