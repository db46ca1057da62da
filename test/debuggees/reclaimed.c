// Shared memory that the system takes out of the program's page tables, as it does when memory is short: anonymous, a
// memory file, a System V segment, a file without a name. Half of each is filled later. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { kPage = 4096, kPages = 128, kSize = kPages * kPage, kKinds = 5 };
static const char* const names[kKinds] = {"private", "anonymous", "memory file", "segment", "file without a name"};
static unsigned char* memory[kKinds];

static unsigned char* map_file(int fd) {
  must("ftruncate", ftruncate(fd, kSize));
  unsigned char* address = (unsigned char*)mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check_true("mmap", address != MAP_FAILED);
  close(fd);
  return address;
}

/** Twice: the first time what is not yet on the disk is only written there. */
static void take_out(void) {
  for (int times = 0; times < 2; ++times) {
    for (int kind = 0; kind < kKinds; ++kind) must("madvise", madvise(memory[kind], kSize, MADV_PAGEOUT));
    usleep(2000);
  }
}

static void fill(int pages, int seed) {
  for (int kind = 0; kind < kKinds; ++kind)
    for (int i = 0; i < pages; ++i) memory[kind][i * kPage] = (unsigned char)(seed + i);
  take_out();
}

static void holds(int pages, int seed) {
  for (int kind = 0; kind < kKinds; ++kind)
    for (int i = 0; i < kPages; ++i) check(names[kind], memory[kind][i * kPage], i < pages ? (unsigned char)(seed + i) : 0);
}

void set_up(void) {
  memory[0] = (unsigned char*)mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memory[1] = (unsigned char*)mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memory[2] = map_file((int)must("memfd_create", memfd_create("memory", MFD_CLOEXEC)));
  const int segment = (int)must("shmget", shmget(IPC_PRIVATE, kSize, 0600));
  memory[3] = (unsigned char*)shmat(segment, NULL, 0);
  must("IPC_RMID", shmctl(segment, IPC_RMID, NULL));
  const int file = (int)must("open", open("file", O_RDWR | O_CREAT, 0600));
  must("unlink", unlink("file"));
  memory[4] = map_file(file);
  fill(kPages / 2, 1);
}

void check_original(void) { holds(kPages / 2, 1); }
void change(void) {
  take_out();
  fill(kPages, 2);
}
void check_changed(void) {
  holds(kPages, 2);
  take_out();
}
