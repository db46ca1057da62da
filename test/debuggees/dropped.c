// Memory that is given back to the kernel, in pieces of every size, and comes to life again: single pages, whole page
// tables, most of a large area; read-only and unreadable pages among them.
#include "state.h"

#include <stdint.h>
#include <sys/mman.h>

enum { kPage = 4096, kPages = 96 << 8 /* 96 MiB: more than is looked at page by page */ };
static unsigned char* area;

static uint64_t original(int page) { return (uint64_t)page * 2654435761u + 1; }
static uint64_t* word(int page) { return (uint64_t*)(area + (size_t)page * kPage); }

static int is_sealed(int page) { return page % 512 == 17; }    // read-only
static int is_closed(int page) { return page % 512 == 19; }    // unreadable

static void protect(int open) {
  for (int page = 0; page < kPages; ++page) {
    if (!is_sealed(page) && !is_closed(page)) continue;
    const int protection = open ? PROT_READ | PROT_WRITE : is_sealed(page) ? PROT_READ : PROT_NONE;
    must("mprotect", mprotect(word(page), kPage, protection));
  }
}

void set_up(void) {
  area = mmap(NULL, (size_t)kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must("mmap", (long)area);
  for (int page = 0; page < kPages; ++page) {
    word(page)[0] = original(page);
    word(page)[511] = ~original(page);
  }
  protect(0);
}

void check_original(void) {
  protect(1);
  for (int page = 0; page < kPages; ++page) check_true("original word", word(page)[0] == original(page) && word(page)[511] == ~original(page));
  protect(0);
}

static void drop(int page, int pages) { must("madvise", madvise(word(page), (size_t)pages * kPage, MADV_DONTNEED)); }

static int is_dropped(int page) {
  return page % 1000 == 0                         // single pages
         || (page >= 2048 && page < 2048 + 1024)  // two page tables, or more than one
         || page >= 8192;                         // most of it
}
static int is_written(int page) { return page % 7 == 3 && page >= 512; }

void change(void) {
  protect(1);
  for (int page = 0; page < 8192; page += 1000) drop(page, 1);
  drop(2048, 1024);
  drop(8192, kPages - 8192);
  for (int page = 0; page < kPages; ++page)
    if (is_written(page)) word(page)[1] = (uint64_t)page;
  protect(0);
}

void change_otherwise(void) {
  drop(512, 8);
  drop(4096, 4096);
  must("munmap", munmap(word(1024), 512 * kPage));
  must("mmap", (long)mmap(word(1024), 512 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

void check_changed(void) {
  protect(1);
  for (int page = 0; page < kPages; ++page) {
    check("first word", (long)word(page)[0], is_dropped(page) ? 0 : (long)original(page));
    check("second word", (long)word(page)[1], is_written(page) ? page : 0);
  }
  protect(0);
}
