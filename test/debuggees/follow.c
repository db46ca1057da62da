// Processes that a debugger follows: a child, its child, one that runs another program, one that has threads. Each one
// checks that its memory is its own, and its parent how it ended.
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

volatile int who = 1;  // 1: the parent, 2: its child, 3: the child of that, 4: another program
volatile int steps;

__attribute__((noinline)) void at_parent(void) { ++steps; }  // @parent
__attribute__((noinline)) void at_child(void) { ++steps; }   // @child
__attribute__((noinline)) void at_changed(void) { ++steps; }  // @changed
__attribute__((noinline)) void at_grandchild(void) { ++steps; }  // @grandchild
__attribute__((noinline)) void at_program(void) { ++steps; }  // @program
__attribute__((noinline)) void at_back(void) { ++steps; }  // @back

static void fail(const char *what, int is, int should) {
  printf("FAIL: %s is %d, should be %d\n", what, is, should);
  fflush(stdout);
  exit(1);
}

static void await(pid_t pid, int code) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) fail("status", status, code << 8);
  if (WEXITSTATUS(status) != code) fail("exit code", WEXITSTATUS(status), code);
}

static void *work(void *sum) {
  *(int *)sum += 40;
  at_changed();
  return sum;
}

static int as_child(int with_grandchild) {
  who = 2;
  int local = 20;
  at_child();
  while (who == 20) usleep(1000);  // as a debugger may want it
  if (who != 2 || local != 20) fail("who", who, 2);
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, &local)) return 1;
  pthread_join(thread, NULL);
  if (local != 60) fail("local", local, 60);
  if (with_grandchild) {
    pid_t pid = fork();
    if (pid == 0) {
      who = 3;
      at_grandchild();
      _exit(who == 3 ? 7 : 1);
    }
    await(pid, 7);
  }
  who = 5;
  at_changed();
  return who;
}

// The parent ends first, once the child has been at_child: the child hears of that by the end of a pipe.
static int as_orphan(const int go[2], const int ends[2], int is_child) {
  char byte = 0;
  if (!is_child) {
    close(go[1]);
    close(ends[0]);
    at_back();
    if (read(go[0], &byte, 1) != 1) return 1;
    exit(3);
  }
  close(go[0]);
  close(ends[1]);
  who = 2;
  at_child();
  if (write(go[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 0) return 1;
  at_changed();
  puts("PASS");
  return 5;
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "program")) {
    who = 4;
    at_program();
    who = 9;
    return who;
  }
  const char *how = argc > 1 ? argv[1] : "fork";
  at_parent();
  if (who != 1) fail("who", who, 1);
  pid_t pid = 0;
  char *arguments[] = {argv[0], "program", NULL};
  int code = 9;
  if (!strcmp(how, "spawn")) {
    if (posix_spawn(&pid, argv[0], NULL, NULL, arguments, environ)) return 1;
  } else if (!strcmp(how, "orphan")) {
    int go[2], ends[2];
    if (pipe(go) || pipe(ends)) return 1;
    pid = fork();
    exit(as_orphan(go, ends, pid == 0));
  } else if (!(pid = fork())) {  // @fork
    if (!strcmp(how, "exec")) {
      at_child();
      execv(argv[0], arguments);
      _exit(1);
    }
    exit(as_child(!strcmp(how, "grandchild")));
  } else if (strcmp(how, "exec")) {
    code = 5;
  }
  await(pid, code);
  if (who != 1) fail("who", who, 1);
  at_back();
  puts("PASS");
  return 0;
}
