// A child made by fork runs the same function as its parent, then a shell is run; exits with the child's status.
// "lend N": a child borrows our memory for N seconds; "lend N beside": another thread runs on meanwhile.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int work(int n) {
  return n * 2; // @work
}

// While the child of a vfork has our memory, nobody can stop us: ptrace(2).
static int lend_memory(int seconds) {
  printf("lending\n");
  fflush(stdout);
  if (vfork() == 0) {
    sleep((unsigned)seconds);
    _exit(0);
  }
  for (;;) {
    pause(); // @back
  }
}

static void *run_on(void *unused) {
  for (;;) {
    usleep(1000);
  }
  return unused;
}

int main(int argc, char **argv) {
  pthread_t beside;
  if (argc > 3 && pthread_create(&beside, NULL, run_on, NULL) != 0) {
    return 1;
  }
  if (argc > 2 && strcmp(argv[1], "lend") == 0) {
    return lend_memory(atoi(argv[2]));
  }
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    _exit(work(4));
  }
  waitpid(child, &status, 0);
  printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)); // @joined
  printf("own %d\n", work(5));
  fflush(stdout);
  return system("exit 3") == 3 << 8 ? 0 : 1;
}
