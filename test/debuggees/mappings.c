// Memory and its layout: mappings made, removed, moved, grown, shrunk, split and protected; the program break; pages
// dropped; private and shared, anonymous and of a file. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { kPage = 4096 };

static unsigned char *kept, *removed, *moved, *grown, *shrunk, *split, *hardened, *dropped, *shared, *reserved, *of_file;
static unsigned char *moved_to, *late;
static char* original_break;

/** Each place once, so that what is unmapped stays a hole. */
static unsigned char* place(void) {
  static char* next = (char*)0x300000000000;
  return (unsigned char*)(next += 16 << 20);
}

static unsigned char* map(int pages, int flags) {
  void* wanted = place();
  void* address = mmap(wanted, (size_t)pages * kPage, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | flags, -1, 0);
  check_true("mmap", address == wanted);
  return (unsigned char*)address;
}

enum { kStep = 15 };

static void fill(unsigned char* address, int pages, int seed) {
  for (int i = 0; i < pages * kPage; i += kStep) address[i] = (unsigned char)(seed + i / 7 + i / kPage);
}

static void check_filled(const char* what, const unsigned char* address, int pages, int seed) {
  for (int i = 0; i < pages * kPage; i += kStep) check(what, address[i], (unsigned char)(seed + i / 7 + i / kPage));
}

static void check_zero(const char* what, const unsigned char* address, int pages) {
  for (int i = 0; i < pages * kPage; ++i) {
    if (address[i] != 0) check(what, address[i], 0);
  }
}

static int is_mapped(const unsigned char* address) {
  unsigned char resident;
  return mincore((void*)address, kPage, &resident) == 0;
}

/** By the kernel, which says EFAULT where a load would be a fault. */
static int is_readable(const unsigned char* address) {
  int null = (int)must("open", open("/dev/zero", O_RDWR));
  int ends[2];
  must("pipe", pipe(ends));
  int readable = write(ends[1], address, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  close(null);
  return readable;
}

static int is_writable(unsigned char* address) {
  int zero = (int)must("open", open("/dev/zero", O_RDWR));
  int writable = read(zero, address, 1) == 1;
  close(zero);
  return writable;
}

void set_up(void) {
  fill(kept = map(8, MAP_PRIVATE), 8, 1);
  fill(removed = map(8, MAP_PRIVATE), 8, 2);
  fill(moved = map(8, MAP_PRIVATE), 8, 3);
  fill(grown = map(4, MAP_PRIVATE), 4, 4);
  fill(shrunk = map(8, MAP_PRIVATE), 8, 5);
  fill(split = map(9, MAP_PRIVATE), 9, 6);
  fill(hardened = map(4, MAP_PRIVATE), 4, 7);
  fill(dropped = map(600, MAP_PRIVATE), 600, 8);
  fill(shared = map(8, MAP_SHARED), 8, 9);
  reserved = map(64, MAP_PRIVATE);
  fill(reserved + 3 * kPage, 1, 10);
  must("mprotect", mprotect(reserved, 2 * kPage, PROT_NONE));
  int file = (int)must("open", open("/proc/self/exe", O_RDONLY));
  of_file = (unsigned char*)mmap(NULL, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  check_true("mmap of a file", of_file != MAP_FAILED);
  fill(of_file + kPage, 1, 11);
  close(file);
  original_break = (char*)sbrk(4 * kPage);
  check_true("sbrk", original_break != (char*)-1);
  fill((unsigned char*)original_break, 4, 12);
}

void check_original(void) {
  check_filled("kept", kept, 8, 1);
  check_true("removed is mapped", is_mapped(removed));
  check_filled("removed", removed, 8, 2);
  check_true("moved is mapped", is_mapped(moved));
  check_filled("moved", moved, 8, 3);
  check_filled("grown", grown, 4, 4);
  check_filled("shrunk", shrunk, 8, 5);
  check_filled("split", split, 9, 6);
  check_filled("hardened", hardened, 4, 7);
  check_filled("dropped", dropped, 600, 8);
  check_filled("shared", shared, 8, 9);
  check_true("no access to the first pages", !is_readable(reserved) && !is_readable(reserved + kPage));
  check_zero("untouched", reserved + 2 * kPage, 1);
  check_filled("touched", reserved + 3 * kPage, 1, 10);
  check_zero("untouched", reserved + 4 * kPage, 60);
  check_bytes("page of the file", of_file, "\177ELF", 4);
  check_filled("written page of the file", of_file + kPage, 1, 11);
  check_filled("heap", (unsigned char*)original_break, 4, 12);
  check_true("program break", (char*)sbrk(0) == original_break + 4 * kPage);
  kept[0] = 1;
}

void change(void) {
  fill(kept, 8, 101);
  must("munmap", munmap(removed, 8 * kPage));
  moved_to = place();
  check_true("mremap", mremap(moved, 8 * kPage, 8 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, moved_to) == moved_to);
  grown = (unsigned char*)mremap(grown, 4 * kPage, 400 * kPage, MREMAP_MAYMOVE);
  check_true("mremap that grows", grown != MAP_FAILED);
  fill(grown + 4 * kPage, 396, 102);
  check_true("mremap that shrinks", mremap(shrunk, 8 * kPage, 3 * kPage, 0) == shrunk);
  must("munmap of the middle", munmap(split + 4 * kPage, kPage));
  must("mprotect", mprotect(hardened, 4 * kPage, PROT_READ));
  must("mprotect", mprotect(reserved, 64 * kPage, PROT_READ | PROT_WRITE));
  fill(reserved, 64, 103);
  must("madvise", madvise(dropped, 600 * kPage, MADV_DONTNEED));
  fill(shared, 8, 104);
  fill(of_file, 1, 105);
  must("madvise", madvise(of_file + kPage, kPage, MADV_DONTNEED));
  late = map(512, MAP_PRIVATE);
  fill(late, 512, 106);
  must("brk", brk(original_break + 100 * kPage));
  fill((unsigned char*)original_break + 4 * kPage, 96, 107);
}

void check_changed(void) {
  check_filled("kept", kept, 8, 101);
  check_true("removed is gone", !is_mapped(removed));
  check_true("moved is gone", !is_mapped(moved));
  check_filled("moved", moved_to, 8, 3);
  check_filled("grown, old pages", grown, 4, 4);
  check_filled("grown, new pages", grown + 4 * kPage, 396, 102);
  check_filled("shrunk", shrunk, 3, 5);
  check_true("shrunk, its end is gone", !is_mapped(shrunk + 3 * kPage));
  check_filled("split, left", split, 4, 6);
  check_true("split, middle is gone", !is_mapped(split + 4 * kPage));
  check_filled("hardened", hardened, 4, 7);
  check_true("hardened against writing", !is_writable(hardened));
  check_filled("reserved", reserved, 64, 103);
  check_zero("dropped", dropped, 600);
  check_filled("shared", shared, 8, 104);
  check_filled("page of the file", of_file, 1, 105);
  check_filled("late", late, 512, 106);
  check_filled("heap", (unsigned char*)original_break, 4, 12);
  check_filled("late heap", (unsigned char*)original_break + 4 * kPage, 96, 107);
  check_true("program break", (char*)sbrk(0) == original_break + 100 * kPage);
}

void change_otherwise(void) {
  must("munmap", munmap(kept, 8 * kPage));
  must("munmap", munmap(shrunk, 8 * kPage));
  must("munmap", munmap(grown, 4 * kPage));
  late = map(700, MAP_PRIVATE);
  fill(late, 700, 110);
  must("mprotect", mprotect(dropped, 300 * kPage, PROT_NONE));
  fill(shared, 8, 111);
}
