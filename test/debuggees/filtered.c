// A program under a seccomp filter that kills for calls which a debugger might make in it, and never the program.
#include "state.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int value = 1;
static char* block;

#define DENY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void install(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      DENY(userfaultfd), DENY(sigaltstack), DENY(timer_gettime), DENY(getitimer), DENY(rt_sigqueueinfo), DENY(set_tid_address),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
  must("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program));
}

// In a child, whom it kills.
static void check_filter(void) {
  int status = 0;
  const pid_t child = (pid_t)must("fork", fork());
  if (child == 0) {
    syscall(SYS_getitimer, 0, NULL);
    _exit(0);
  }
  check("waitpid", waitpid(child, &status, 0), child);
  check("the filter's signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGSYS);
}

static void check_state(int wanted) {
  check("the value", value, wanted);
  for (int i = 0; i < 100000; ++i) check("the block", block[i], wanted);
  check_filter();
}

static void set_state(int wanted) {
  value = wanted;
  memset(block, wanted, 100000);
}

void set_up(void) {
  const struct rlimit none = {0, 0};
  must("setrlimit", setrlimit(RLIMIT_CORE, &none));
  block = malloc(100000);
  set_state(1);
  install();
}

void check_original(void) { check_state(1); }
void change(void) { set_state(2); }
void check_changed(void) { check_state(2); }
void change_otherwise(void) { set_state(3); }
