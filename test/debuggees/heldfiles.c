// Files that were open at a snapshot and are closed by the program since: run as a program (what was open for writing must
// not stay so), locked and closed (the lock must go), and one offset shared with a child whoever has closed its end.
#include "state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char script[] = "#!/bin/sh\nexit 7\n";
static int tool, locked_later, read_only, shared, read_only_mode;
static pid_t child;
static int orders[2], answers[2];

/** The child writes a letter where the offset is that it shares, for each order. */
static void serve(void) {
  char order;
  while (read(orders[0], &order, 1) == 1) {
    char done = write(shared, &order, 1) == 1 ? 'y' : 'n';
    if (write(answers[1], &done, 1) != 1) break;
  }
  _exit(0);
}

static void let_child_write(char letter) {
  char done = 0;
  check("order", write(orders[1], &letter, 1), 1);
  check("answer", read(answers[0], &done, 1), 1);
  check("the child has written", done, 'y');
}

void set_up(void) {
  tool = (int)must("open", open("tool", O_WRONLY | O_CREAT | O_TRUNC, 0700));
  check("write", write(tool, script, 9), 9);
  locked_later = (int)must("open", open("lock", O_RDWR | O_CREAT, 0600));
  read_only = (int)must("open", open("lock", O_RDONLY | O_CLOEXEC));
  read_only_mode = (int)must("open", open("sealed", O_WRONLY | O_CREAT, 0400));
  check("write", write(read_only_mode, "sealed", 6), 6);
  shared = (int)must("open", open("shared", O_WRONLY | O_CREAT, 0600));
  must("pipe", pipe(orders));
  must("pipe", pipe(answers));
  child = (pid_t)must("fork", fork());
  if (child == 0) {
    const int not_its[] = {orders[1], answers[0], tool, locked_later, read_only, read_only_mode};
    for (size_t i = 0; i < sizeof not_its / sizeof *not_its; ++i) must("close", close(not_its[i]));
    serve();
  }
  close(orders[0]);
  close(answers[1]);
  check("write", write(shared, "ab", 2), 2);
}

void check_original(void) {
  check("offset of the tool", lseek(tool, 0, SEEK_CUR), 9);
  check("tool is open for writing", fcntl(tool, F_GETFL) & O_ACCMODE, O_WRONLY);
  check("offset of the file that is locked later", lseek(locked_later, 0, SEEK_CUR), 0);
  check("close-on-exec", fcntl(read_only, F_GETFD), FD_CLOEXEC);
  check("offset behind what was written", lseek(read_only_mode, 0, SEEK_CUR), 6);
  check("shared offset", lseek(shared, 0, SEEK_CUR), 2);
  let_child_write('c');
  check("the child has moved the shared offset", lseek(shared, 0, SEEK_CUR), 3);
  check("write", write(shared, "d", 1), 1);
  let_child_write('e');
  char text[16] = {0};
  int own = (int)must("open", open("shared", O_RDONLY));
  check("size of the shared file", read(own, text, sizeof text - 1), 5);
  check_text("shared file", text, "abcde");
  must("close", close(own));
}

static void run_tool(void) {
  pid_t pid = (pid_t)must("fork", fork());
  if (pid == 0) {
    execl("./tool", "tool", (char*)NULL);
    _exit(errno == ETXTBSY ? 26 : 27);
  }
  int status = 0;
  check("wait", waitpid(pid, &status, 0), pid);
  check("the tool has run (26: text file busy)", WEXITSTATUS(status), 7);
}

static void lock_anew(int flags) {
  int fd = (int)must("open", open("lock", flags));
  check("the lock is free", flock(fd, LOCK_EX | LOCK_NB), 0);
  must("close", close(fd));
}

void change(void) {
  check("write", write(tool, script + 9, sizeof script - 10), sizeof script - 10);
  must("close", close(tool));
  must("flock", flock(locked_later, LOCK_EX | LOCK_NB));
  must("close", close(locked_later));
  must("flock", flock(read_only, LOCK_EX | LOCK_NB));
  must("close", close(read_only));
  must("close", close(read_only_mode));
  must("close", close(shared));
}

void check_changed(void) {
  run_tool();
  lock_anew(O_RDWR);
  lock_anew(O_RDONLY);
  struct stat info;
  must("stat", stat("shared", &info));
  check("size of the shared file", info.st_size, 5);
}

void change_otherwise(void) {
  must("dup2", dup2(read_only, tool));
  must("close", close(shared));
  shared = (int)must("open", open("shared", O_WRONLY | O_APPEND));
  let_child_write('x');
}

void clean_up(void) {
  must("close", close(orders[1]));
  check("wait", waitpid(child, NULL, 0), child);
  const char* names[] = {"tool", "lock", "sealed", "shared"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
}
