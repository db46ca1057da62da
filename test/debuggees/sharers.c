// Shared anonymous memory that only a child writes to: its parent has never touched the one, has written to another, and
// a child that lives for a moment changes a third. See state.h for the frame.
#include "state.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { kPage = 4096, kPages = 64 };
static unsigned char *shared, *common, *lent;
static pid_t child;
static int to[2], from[2];

static void fill(int seed) {
  for (int i = 0; i < kPages; ++i) common[i * kPage] = shared[i * kPage] = (unsigned char)(seed + i);
}

static unsigned char* map(void) {
  void* address = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check_true("mmap", address != MAP_FAILED);
  return (unsigned char*)address;
}

static void check_pages(int seed) {
  for (int i = 0; i < kPages; ++i) {
    check("page that the child filled", shared[i * kPage], seed + i);
    check("page that the child changed", common[i * kPage], seed + i);
    check("page that a child changed that has ended", lent[i * kPage], seed);
  }
}

static void order(char what) {
  char answer;
  check("write", write(to[1], &what, 1), 1);
  check("read", read(from[0], &answer, 1), 1);
}

void set_up(void) {
  shared = map();
  memset(common = map(), 99, kPages * kPage);
  memset(lent = map(), 1, kPages * kPage);
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

void check_original(void) { check_pages(1); }

void change(void) {
  int status = -1;
  order(2);
  const pid_t passing = (pid_t)must("fork", fork());
  if (passing == 0) {
    memset(lent, 2, kPages * kPage);
    _exit(0);
  }
  check("waitpid", waitpid(passing, &status, 0), passing);
  check("status", status, 0);
}

void check_changed(void) { check_pages(2); }

void clean_up(void) {
  int status = -1;
  close(to[1]);
  check("waitpid", waitpid(child, &status, 0), child);
  check("status", status, 0);
}
