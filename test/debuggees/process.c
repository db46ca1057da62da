// Switches of a process and its threads: "switches" of prctl and /proc, "scheduling" of threads; or ("lowered") a priority
// that an ordinary user can lower and not raise again.
#include "state.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { kSwitches, kScheduling, kLowered };
static int part;
static pthread_t other;
static volatile int quit;
static volatile pid_t other_tid;

static int ioprio_get(pid_t tid) { return (int)syscall(SYS_ioprio_get, 1, tid); }
static void ioprio_set(pid_t tid, int value) { must("ioprio_set", syscall(SYS_ioprio_set, 1, tid, value)); }
static const int kBestEffort = 2 << 13;

static long read_number(const char* file, int base) {
  char text[64] = {0};
  const int fd = (int)must(file, open(file, O_RDONLY));
  must(file, read(fd, text, sizeof text - 1));
  close(fd);
  return strtol(text, NULL, base);
}

static void write_text(const char* file, const char* text) {
  const int fd = (int)must(file, open(file, O_WRONLY));
  must(file, write(fd, text, strlen(text)));
  close(fd);
}

static void* wait_to_quit(void* unused) {
  other_tid = (pid_t)syscall(SYS_gettid);
  while (!quit) usleep(500);
  return unused;
}

static void expect_switches(int keep, int subreaper, int slack, int huge, int death, unsigned personal, int oom, int filter) {
  check("dumpable", prctl(PR_GET_DUMPABLE), 1);
  check("keep capabilities", prctl(PR_GET_KEEPCAPS), keep);
  int value = -1;
  must("PR_GET_CHILD_SUBREAPER", prctl(PR_GET_CHILD_SUBREAPER, &value));
  check("subreaper", value, subreaper);
  check("timer slack", prctl(PR_GET_TIMERSLACK), slack);
  check("huge pages disabled", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), huge);
  must("PR_GET_PDEATHSIG", prctl(PR_GET_PDEATHSIG, &value));
  check("signal at the parent's death", value, death);
  check("personality", personality(0xffffffff) & ~(unsigned)ADDR_NO_RANDOMIZE, (long)personal);
  check("oom_score_adj", read_number("/proc/self/oom_score_adj", 10), oom);
  check("coredump_filter", read_number("/proc/self/coredump_filter", 16), filter);
}

static void set_switches(int keep, int subreaper, int slack, int huge, int death, unsigned personal, const char* oom, const char* filter) {
  must("PR_SET_KEEPCAPS", prctl(PR_SET_KEEPCAPS, keep));
  must("PR_SET_CHILD_SUBREAPER", prctl(PR_SET_CHILD_SUBREAPER, subreaper));
  must("PR_SET_TIMERSLACK", prctl(PR_SET_TIMERSLACK, slack));
  must("PR_SET_THP_DISABLE", prctl(PR_SET_THP_DISABLE, huge, 0, 0, 0));
  must("PR_SET_PDEATHSIG", prctl(PR_SET_PDEATHSIG, death));
  must("personality", personality((personality(0xffffffff) & ADDR_NO_RANDOMIZE) | personal));
  write_text("/proc/self/oom_score_adj", oom);
  write_text("/proc/self/coredump_filter", filter);
}

void set_up(void) {
  part = state_argc && strcmp(state_argv[0], "scheduling") == 0 ? kScheduling : state_argc && strcmp(state_argv[0], "lowered") == 0 ? kLowered : kSwitches;
  if (part == kLowered) return;
  if (part == kSwitches) set_switches(1, 1, 60000, 1, SIGUSR2, STICKY_TIMEOUTS, "500", "0x21");
  check("pthread_create", pthread_create(&other, NULL, wait_to_quit, NULL), 0);
  while (!other_tid) usleep(500);
  if (part == kSwitches) return;
  ioprio_set(other_tid, kBestEffort | 5);
}

void check_original(void) {
  if (part == kSwitches) {
    expect_switches(1, 1, 60000, 1, SIGUSR2, STICKY_TIMEOUTS, 500, 0x21);
    return;
  }
  check("policy", sched_getscheduler(part == kLowered ? 0 : other_tid), SCHED_OTHER);
  if (part == kScheduling) check("I/O priority", ioprio_get(other_tid), kBestEffort | 5);
}

void change(void) {
  if (part == kSwitches) {
    set_switches(0, 0, 80000, 0, 0, 0, "700", "0x33");
    return;
  }
  if (part == kLowered) {
    must("setpriority", setpriority(PRIO_PROCESS, 0, 7));
    return;
  }
  const struct sched_param none = {0};
  must("sched_setscheduler", sched_setscheduler(other_tid, SCHED_BATCH, &none));
  ioprio_set(other_tid, kBestEffort | 7);
}

void check_changed(void) {
  if (part == kSwitches) {
    expect_switches(0, 0, 80000, 0, 0, 0, 700, 0x33);
    return;
  }
  if (part == kLowered) {
    check("nice", getpriority(PRIO_PROCESS, 0), 7);
    return;
  }
  check("policy", sched_getscheduler(other_tid), SCHED_BATCH);
  check("I/O priority", ioprio_get(other_tid), kBestEffort | 7);
}

void clean_up(void) {
  if (part == kLowered) return;
  quit = 1;
  check("pthread_join", pthread_join(other, NULL), 0);
}
