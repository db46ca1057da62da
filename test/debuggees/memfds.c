// Memory files that are not mapped, and one that is in part: size, content, holes. `memfds sealed`: one is sealed since.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { kSize = 300000, kHole = 8 << 20, kPage = 4096 };
static int plain, closed_file, sparse, mapped, moved, sealed;
static char* map;

static void fill(int fd, off_t at, size_t size, char with) {
  static char block[kSize];
  memset(block, with, size);
  check("pwrite", pwrite(fd, block, size, at), (long)size);
}

static void check_filled(const char* what, int fd, off_t at, size_t size, char with) {
  static char block[kSize], wanted[kSize];
  memset(wanted, with, size);
  check(what, pread(fd, block, size, at), (long)size);
  check_bytes(what, block, wanted, size);
}

static long size_of(int fd) {
  struct stat info;
  must("fstat", fstat(fd, &info));
  return info.st_size;
}

static int make(const char* name, unsigned flags) { return (int)must("memfd_create", memfd_create(name, flags)); }

void set_up(void) {
  plain = make("plain", 0);
  fill(plain, 0, kSize, 'a');
  closed_file = make("closed", MFD_CLOEXEC);
  fill(closed_file, 0, 1000, 'b');
  lseek(closed_file, 77, SEEK_SET);
  sparse = make("sparse", 0);
  must("ftruncate", ftruncate(sparse, kHole));
  fill(sparse, 4 << 20, 5000, 'c');
  mapped = make("mapped", 0);
  fill(mapped, 0, 40 * kPage, 'd');
  map = (char*)mmap(NULL, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 16 * kPage);
  check_true("mmap", map != MAP_FAILED);
  memset(map, 'e', kPage);
  moved = make("moved", 0);
  fill(moved, 0, 100, 'f');
  sealed = make("sealed", MFD_ALLOW_SEALING);
  fill(sealed, 0, 100, 'g');
  must("seal", fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
}

void check_original(void) {
  check("plain: size", size_of(plain), kSize);
  check_filled("plain", plain, 0, kSize, 'a');
  check("closed: size", size_of(closed_file), 1000);
  check("closed: position", lseek(closed_file, 0, SEEK_CUR), 77);
  check_filled("closed", closed_file, 0, 1000, 'b');
  check("sparse: size", size_of(sparse), kHole);
  check_filled("sparse, before", sparse, 0, 200000, 0);
  check_filled("sparse", sparse, 4 << 20, 5000, 'c');
  check_filled("sparse, after", sparse, (4 << 20) + 5000, 200000, 0);
  check("mapped: size", size_of(mapped), 40 * kPage);
  check_filled("mapped, before", mapped, 0, 16 * kPage, 'd');
  check_filled("mapped, written through memory", mapped, 16 * kPage, kPage, 'e');
  check_filled("mapped, rest", mapped, 17 * kPage, 23 * kPage, 'd');
  check("in memory", map[2 * kPage], 'd');
  check("moved: size", size_of(moved), 100);
  check_filled("moved", moved, 0, 100, 'f');
  check_filled("sealed", sealed, 0, 100, 'g');
  check("seals", fcntl(sealed, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
}

void change(void) {
  must("ftruncate", ftruncate(plain, 100));
  fill(plain, 50, 500, 'A');
  close(closed_file);
  fill(sparse, 0, 100, 'C');
  must("punch", fallocate(sparse, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 << 20, 8192));
  fill(sparse, 6 << 20, kSize, 'D');
  memset(map, 'E', 4 * kPage);
  fill(mapped, 0, kPage, 'F');
  fill(mapped, 39 * kPage, 2 * kPage, 'G');
  must("dup2", dup2(moved, 90));
  fill(moved, 10, 300, 'H');
  close(moved);
  fill(sealed, 0, 100, 'I');
  if (state_argc) must("seal", fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE));
}

void check_changed(void) {
  check("plain: size", size_of(plain), 550);
  check_filled("plain", plain, 50, 500, 'A');
  check("closed", fcntl(closed_file, F_GETFD), -1);
  check_filled("sparse", sparse, 0, 100, 'C');
  check_filled("sparse, punched", sparse, 4 << 20, 8192, 0);
  check_filled("sparse, more", sparse, 6 << 20, kSize, 'D');
  check("mapped: size", size_of(mapped), 41 * kPage);
  check_filled("mapped", mapped, 16 * kPage, 4 * kPage, 'E');
  check_filled("mapped, first", mapped, 0, kPage, 'F');
  check_filled("mapped, end", mapped, 39 * kPage, 2 * kPage, 'G');
  check("moved", fcntl(moved, F_GETFD), -1);
  check_filled("moved", 90, 10, 300, 'H');
  check_filled("sealed", sealed, 0, 100, 'I');
}

void change_otherwise(void) {
  close(plain);
  check("number", make("other", 0), plain);
  fill(plain, 0, 10, 'z');
  must("ftruncate", ftruncate(sparse, 0));
  fill(mapped, 30 * kPage, kPage, 'y');
}
