// A child made by fork runs the same function as its parent, then a shell is run; exits with the child's status.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int work(int n) {
  return n * 2; // @work
}

int main(void) {
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
