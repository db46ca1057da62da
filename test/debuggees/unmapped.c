// Shared and nameless mappings that are removed: a memory file, a file that has been deleted (shared and private), shared
// anonymous memory; descriptors stay open or are closed too. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { kPage = 4096, kPages = 8, kSize = kPages * kPage };
static int memory, closed, deleted;
static unsigned char *of_memory, *of_closed, *of_deleted, *private_deleted, *anonymous, *read_only;

static void fill(unsigned char* at, int seed) {
  for (int i = 0; i < kSize; i += 32) at[i] = (unsigned char)(seed + i / kPage + i / 32);
}
static void check_filled(const char* what, const unsigned char* at, int seed) {
  for (int i = 0; i < kSize; i += 32) check(what, at[i], (unsigned char)(seed + i / kPage + i / 32));
}
static unsigned char* map(int fd, int protection, int flags) {
  unsigned char* at = (unsigned char*)mmap(NULL, kSize, protection, flags, fd, 0);
  check_true("mmap", at != MAP_FAILED);
  return at;
}
static int is_mapped(const unsigned char* address) {
  unsigned char resident;
  return mincore((void*)address, kPage, &resident) == 0;
}
/** What is stored through the mapping is in the file, and the other way. */
static void check_joined(const char* what, unsigned char* at, int fd) {
  unsigned char byte = 0;
  at[1] = 201;
  check(what, pread(fd, &byte, 1, 1), 1);
  check(what, byte, 201);
  byte = 202;
  check(what, pwrite(fd, &byte, 1, 2), 1);
  check(what, at[2], 202);
}

void set_up(void) {
  memory = (int)must("memfd_create", memfd_create("first", MFD_CLOEXEC));
  closed = (int)must("memfd_create", memfd_create("second", MFD_CLOEXEC));
  deleted = (int)must("open", open("deleted", O_RDWR | O_CREAT, 0600));
  must("unlink", unlink("deleted"));
  must("ftruncate", ftruncate(memory, kSize));
  must("ftruncate", ftruncate(closed, kSize));
  static unsigned char content[kSize];
  fill(content, 3);
  check("write", write(deleted, content, kSize), kSize);
  fill(of_memory = map(memory, PROT_READ | PROT_WRITE, MAP_SHARED), 1);
  fill(of_closed = map(closed, PROT_READ | PROT_WRITE, MAP_SHARED), 2);
  of_deleted = map(deleted, PROT_READ, MAP_SHARED);
  private_deleted = map(deleted, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  private_deleted[0] = 77;
  read_only = map(memory, PROT_READ, MAP_SHARED);
  fill(anonymous = map(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS), 5);
}

void check_original(void) {
  check_filled("memory file", of_memory, 1);
  check_filled("memory file, read only", read_only, 1);
  check_filled("closed memory file", of_closed, 2);
  check_filled("deleted file", of_deleted, 3);
  check("private page of the deleted file", private_deleted[0], 77);
  check("the file's page behind it", private_deleted[kPage], of_deleted[kPage]);
  check_filled("shared anonymous", anonymous, 5);
  check_joined("memory file", of_memory, memory);
  check("both mappings of it", read_only[1], 201);
  check_joined("closed memory file", of_closed, closed);
}

void change(void) {
  fill(of_memory, 11);
  for (unsigned char** each = (unsigned char*[]){of_memory, of_closed, of_deleted, private_deleted, anonymous, read_only, NULL}; *each; ++each)
    must("munmap", munmap(*each, kSize));
  must("close", close(closed));
}

void check_changed(void) {
  unsigned char byte = 0;
  check_true("unmapped", !is_mapped(of_memory) && !is_mapped(of_closed) && !is_mapped(of_deleted) && !is_mapped(anonymous));
  check("pread", pread(memory, &byte, 1, 0), 1);
  check("memory file", byte, 11);
  check_true("closed", fcntl(closed, F_GETFD) < 0);
}
