// Takes the process numbers that it is told, for which it needs the privilege to choose them (clone3(2), set_tid), and
// keeps them until its input is closed.
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    pid_t wanted = atoi(words[i]);
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    const long born = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (born == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    if (born != wanted) {
      printf("FAIL %d: %s\n", wanted, strerror(errno));
      return 1;
    }
  }
  puts("READY");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
