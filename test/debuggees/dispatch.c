// System calls that the program answers itself (syscall user dispatch): the C library makes its own, all others are asked
// for by a signal while the selector says so. See state.h for the frame.
#include "state.h"

#include <link.h>
#include <sys/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif
enum { kAllow = 0, kBlock = 1, kAnswer = 4711 };

static volatile char selector, other_selector;
static volatile int asked, supported;
static unsigned long text, size;

static void answer(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)info;
  ++asked;
  ((ucontext_t*)context)->uc_mcontext.gregs[REG_RAX] = kAnswer;
}

static int find_library(struct dl_phdr_info* info, size_t length, void* data) {
  (void)length;
  (void)data;
  if (!strstr(info->dlpi_name, "libc.")) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) text = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, size = info->dlpi_phdr[i].p_memsz;
  return 1;
}

/** By an instruction of our own. */
static long ask(void) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
  return result;
}

static int dispatch(volatile char* by) {
  return prctl(PR_SET_SYSCALL_USER_DISPATCH, by ? PR_SYS_DISPATCH_ON : PR_SYS_DISPATCH_OFF, by ? text : 0, by ? size : 0, by);
}

static void is_answered_by_us(const char* what, volatile char* by) {
  if (!supported) return;
  const int before = asked;
  *by = kBlock;
  check(what, ask(), kAnswer);
  check(what, asked, before + 1);
  *by = kAllow;
  check(what, ask(), getppid());
  check(what, asked, before + 1);
  *by = kBlock;
}

void set_up(void) {
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO};
  must("sigaction", sigaction(SIGSYS, &action, NULL));
  dl_iterate_phdr(find_library, NULL);
  check_true("the C library", text != 0);
  supported = dispatch(&selector) == 0;
  selector = kBlock;
}

void check_original(void) { is_answered_by_us("answered", &selector); }

void change(void) {
  if (supported) must("off", dispatch(NULL));
}

void check_changed(void) {
  const int before = asked;
  selector = kBlock;
  check("made", ask(), getppid());
  check("asked", asked, before);
}

void change_otherwise(void) {
  if (supported) must("another selector", dispatch(&other_selector));
  is_answered_by_us("by another", &other_selector);
}
