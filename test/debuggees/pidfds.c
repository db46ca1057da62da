// A pidfd of a child that ends and is waited for: it must stand for the child that is there again. See state.h for the frame.
#include "state.h"

#include <poll.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd, orders[2];
static pid_t child;

static int has_ended(int wait) {
  struct pollfd item = {pidfd, POLLIN, 0};
  return poll(&item, 1, wait);
}

void set_up(void) {
  must("pipe", pipe(orders));
  child = (pid_t)must("fork", fork());
  if (child == 0) {
    char order;
    close(orders[1]);
    _exit(read(orders[0], &order, 1) == 1 ? 9 : 8);
  }
  pidfd = (int)must("pidfd_open", syscall(SYS_pidfd_open, child, 0));
}

void check_original(void) {
  check("has ended", has_ended(0), 0);
  must("a signal through it", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
}

void change(void) {
  siginfo_t info;
  must("order", write(orders[1], "x", 1));
  check("has ended", has_ended(10000), 1);
  must("waitid", waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED));
  check("code", info.si_status, 9);
}

void check_changed(void) {
  check("a signal through it", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), -1);
  check("no child is left", waitpid(-1, NULL, WNOHANG), -1);
}
