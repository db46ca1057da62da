// A file that is mapped shared and gets shorter than its mapping, and longer again. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { kPage = 4096, kPages = 16 };
static int file;
static unsigned char* memory;

static void fill(int pages, int seed) {
  for (int i = 0; i < pages; ++i) memory[i * kPage] = (unsigned char)(seed + i);
}

static void holds(int pages, int seed) {
  struct stat info;
  must("fstat", fstat(file, &info));
  check("size", info.st_size, pages * kPage);
  for (int i = 0; i < pages; ++i) check("page", memory[i * kPage], seed + i);
}

void set_up(void) {
  file = (int)must("open", open("file", O_RDWR | O_CREAT, 0600));
  must("ftruncate", ftruncate(file, kPages * kPage));
  memory = (unsigned char*)mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check_true("mmap", memory != MAP_FAILED);
  fill(kPages, 1);
}

void check_original(void) { holds(kPages, 1); }
void change(void) {
  must("ftruncate", ftruncate(file, 2 * kPage));
  fill(2, 50);
}
void check_changed(void) { holds(2, 50); }
void clean_up(void) { must("unlink", unlink("file")); }
