// A child of a child whose parent ends: it has another parent for good, as the programs have that put themselves into the
// background. See state.h for the frame.
#include "state.h"

#include <sys/wait.h>

static int orders[2], answers[2], leave[2];
static pid_t middle;

static void serve(void) {
  char order;
  close(orders[1]);
  close(leave[1]);
  while (read(orders[0], &order, 1) == 1) {
    const pid_t parent = getppid();
    if (write(answers[1], &parent, sizeof parent) != sizeof parent) _exit(1);
  }
  _exit(0);
}

static pid_t parent_of_leaf(void) {
  pid_t parent = 0;
  must("order", write(orders[1], "?", 1));
  check("answer", read(answers[0], &parent, sizeof parent), sizeof parent);
  return parent;
}

void set_up(void) {
  must("pipe", pipe(orders));
  must("pipe", pipe(answers));
  must("pipe", pipe(leave));
  middle = (pid_t)must("fork", fork());
  if (middle == 0) {
    if (must("fork", fork()) == 0) serve();
    char order;
    close(orders[1]);
    close(leave[1]);
    _exit(read(leave[0], &order, 1) == 1 ? 5 : 0);
  }
  check("its parent", parent_of_leaf(), middle);
}

void check_original(void) {}

void change(void) {
  int status = 0;
  must("order", write(leave[1], "x", 1));
  check("waitpid", waitpid(middle, &status, 0), middle);
  check("code", WEXITSTATUS(status), 5);
}

void check_changed(void) { check_true("it has another parent", parent_of_leaf() != middle); }
