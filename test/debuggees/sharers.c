// Shared anonymous memory that a child has filled and its parent has never touched. See state.h for the frame.
#include "state.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { kPage = 4096, kPages = 64 };
static unsigned char* shared;
static pid_t child;
static int to[2], from[2];

static void fill(int seed) {
  for (int i = 0; i < kPages; ++i) shared[i * kPage] = (unsigned char)(seed + i);
}

static void order(char what) {
  char answer;
  check("write", write(to[1], &what, 1), 1);
  check("read", read(from[0], &answer, 1), 1);
}

void set_up(void) {
  shared = (unsigned char*)mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check_true("mmap", shared != MAP_FAILED);
  must("pipe", pipe(to));
  must("pipe", pipe(from));
  child = (pid_t)must("fork", fork());
  if (child == 0) {
    close(to[1]);
    for (char what; read(to[0], &what, 1) == 1;) {
      fill(what);
      if (write(from[1], &what, 1) != 1) _exit(1);
    }
    _exit(0);
  }
  order(1);
}

void check_original(void) {
  for (int i = 0; i < kPages; ++i) check("page that the child filled", shared[i * kPage], 1 + i);
}

void change(void) { order(2); }

void check_changed(void) {
  for (int i = 0; i < kPages; ++i) check("page that the child filled again", shared[i * kPage], 2 + i);
}

void clean_up(void) {
  int status = -1;
  close(to[1]);
  check("waitpid", waitpid(child, &status, 0), child);
  check("status", status, 0);
}
