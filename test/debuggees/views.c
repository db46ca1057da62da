// Memory that the program sees at two places, and memory that it also writes as a file: each step writes in one of the ways
// and checks what is seen in all. See test/native/views.test.ts.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

enum { kPage = 4096, kViews = 5, kSteps = 6 };

struct view {
  const char* what;
  volatile unsigned char* first;
  volatile unsigned char* second;
  int fd;
} views[kViews];

static int step;

__attribute__((noinline)) void at_step(void) { __asm__ volatile(""); }

static volatile unsigned char* map(int fd) {
  void* address = mmap(NULL, 2 * kPage, PROT_READ | PROT_WRITE, fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) perror("mmap"), exit(1);
  return address;
}

static int cut(int fd) {
  if (fd < 0 || ftruncate(fd, 2 * kPage) != 0) perror("file"), exit(1);
  return fd;
}

static void check(void) {
  for (int i = 0; i < kViews; ++i) {
    unsigned char seen[2] = {views[i].first[kPage], views[i].second[kPage]};
    unsigned char read = (unsigned char)step;
    if (views[i].fd >= 0 && pread(views[i].fd, &read, 1, kPage) != 1) read = 255;
    if (seen[0] != step || seen[1] != step || read != step) {
      printf("FAIL step %d, %s: %d and %d, as a file %d\n", step, views[i].what, seen[0], seen[1], read);
      fflush(stdout);
      _exit(1);
    }
  }
}

static void change(void) {
  ++step;
  const unsigned char value = (unsigned char)step;
  for (int i = 0; i < kViews; ++i) {
    if (step % 2) views[i].first[kPage] = value;
    else if (views[i].first == views[i].second) (void)!pwrite(views[i].fd, &value, 1, kPage);
    else views[i].second[kPage] = value;
  }
}

int main(int count, char** words) {
  if (count < 2) return 2;
  int memfd = cut(memfd_create("views", 0)), written = cut(memfd_create("written", 0)), file = cut(open(words[1], O_RDWR | O_CREAT, 0600));
  int segment = shmget(IPC_PRIVATE, 2 * kPage, 0600);
  volatile unsigned char* shared = map(-1);
  volatile unsigned char* as_file = map(file);
  volatile unsigned char* as_memfd = map(written);
  views[0] = (struct view){"memfd", map(memfd), map(memfd), -1};
  views[1] = (struct view){"shared anonymous", shared, mremap((void*)shared, 0, 2 * kPage, MREMAP_MAYMOVE), -1};
  views[2] = (struct view){"System V", shmat(segment, NULL, 0), shmat(segment, NULL, 0), -1};
  views[3] = (struct view){"file", as_file, as_file, file};
  views[4] = (struct view){"memfd that is written", as_memfd, as_memfd, written};
  shmctl(segment, IPC_RMID, NULL);
  close(memfd);
  for (;;) {
    check();
    at_step();
    check();
    if (step == kSteps) break;
    change();
  }
  puts("PASS");
  return 0;
}
