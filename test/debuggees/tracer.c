// A program that traces a process of its own (ptrace): a child that asks for it, and that stands all the time.
#include "state.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

static long word = 11;
static pid_t child;

static long peek(void) {
  errno = 0;
  const long value = ptrace(PTRACE_PEEKDATA, child, &word, NULL);
  check("PTRACE_PEEKDATA", errno, 0);
  return value;
}

void set_up(void) {
  child = (pid_t)must("fork", fork());
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) _exit(9);
    raise(SIGSTOP);
    _exit((int)word);
  }
  int status = 0;
  check("waitpid", waitpid(child, &status, 0), child);
  check_true("the child stands for us", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
}

void check_original(void) { check("its word", peek(), 11); }
void change(void) { must("PTRACE_POKEDATA", ptrace(PTRACE_POKEDATA, child, &word, 12)); }
void check_changed(void) { check("its word", peek(), 12); }

void clean_up(void) {
  int status = 0;
  must("PTRACE_CONT", ptrace(PTRACE_CONT, child, NULL, NULL));
  check("waitpid", waitpid(child, &status, 0), child);
  check("its code", WEXITSTATUS(status), 12);
}
