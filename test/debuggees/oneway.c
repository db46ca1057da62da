// What a process gives up for good. "privileges": no_new_privs; "filter": a seccomp filter that lets everything pass;
// "user": root becomes somebody else; and ("effective") somebody who may become root again. "unreadable": others may not look
// into it for a while. "sealed": memory whose protection nobody may change any more.
#include "state.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define MSEAL 462 /* mseal(2), Linux 6.10 */
static char* sealed;

static int is(const char* name) { return state_argc > 0 && strcmp(state_argv[0], name) == 0; }

void set_up(void) {
  sealed = (char*)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check_true("memory", sealed != MAP_FAILED);
  strcpy(sealed, "open");
}

void check_original(void) {
  if (is("sealed")) check_text("memory", sealed, "open");
  if (is("effective")) check("effective user", (long)geteuid(), 0);
}

static void add_filter(void) {
  struct sock_filter pass[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, pass};
  must("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  must("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

void change(void) {
  if (is("sealed")) {
    strcpy(sealed, "shut");
    must("mprotect", mprotect(sealed, 8192, PROT_READ));
    must("mseal", syscall(MSEAL, sealed, 8192, 0));
  }
  if (is("privileges")) must("PR_SET_NO_NEW_PRIVS", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (is("filter")) add_filter();
  if (is("user")) must("setresuid", setresuid(12345, 12345, 12345));
  if (is("effective")) must("seteuid", seteuid(12345));
  if (is("unreadable")) must("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 0));
}

static int looks;

void check_changed(void) {
  if (is("sealed")) check_text("memory", sealed, "shut");
  if (is("privileges")) check("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  if (is("user")) check("user", (long)getuid(), 12345);
  if (is("effective")) check("effective user", (long)geteuid(), 12345);
  if (is("unreadable")) check("dumpable", prctl(PR_GET_DUMPABLE), 0);
  if (is("unreadable") && ++looks == 2) must("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 1));
}
