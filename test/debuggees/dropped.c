// Memory that is given back to the kernel, in pieces of every size, and comes to life again: single pages, whole page
// tables, most of a large area; read-only and unreadable pages among them. `dropped [large]`
#include "state.h"

#include <stdint.h>
#include <sys/mman.h>

enum { kPage = 4096 };
static int pages = 6 << 9;  // 12 MiB; `large` 96 MiB, of which so much is dropped that it is not looked at page by page
static unsigned char* area;

static uint64_t original(int page) { return (uint64_t)page * 2654435761u + 1; }
static uint64_t* word(int page) { return (uint64_t*)(area + (size_t)page * kPage); }

static int is_sealed(int page) { return page % 512 == 17; }    // read-only
static int is_closed(int page) { return page % 512 == 19; }    // unreadable

static void protect(int open) {
  for (int page = 0; page < pages; ++page) {
    if (!is_sealed(page) && !is_closed(page)) continue;
    const int protection = open ? PROT_READ | PROT_WRITE : is_sealed(page) ? PROT_READ : PROT_NONE;
    must("mprotect", mprotect(word(page), kPage, protection));
  }
}

void set_up(void) {
  if (state_argc > 0) pages = 96 << 8;
  area = mmap(NULL, (size_t)pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must("mmap", (long)area);
  for (int page = 0; page < pages; ++page) {
    word(page)[0] = original(page);
    word(page)[511] = ~original(page);
  }
  protect(0);
}

void check_original(void) {
  protect(1);
  for (int page = 0; page < pages; ++page) check_true("original word", word(page)[0] == original(page) && word(page)[511] == ~original(page));
  protect(0);
}

static void drop(int page, int pages) { must("madvise", madvise(word(page), (size_t)pages * kPage, MADV_DONTNEED)); }

static int is_dropped(int page) {
  return page % 1000 == 0                         // single pages
         || (page >= 1024 && page < 1024 + 1024)  // two page tables, or more than one
         || page >= (pages == 6 << 9 ? 2600 : 8192);  // most of it
}
static int is_written(int page) { return page % 7 == 3 && page >= 512; }

void change(void) {
  protect(1);
  for (int page = 0; page < pages; ++page)
    if (is_dropped(page)) {
      int next = page + 1;
      while (next < pages && is_dropped(next)) ++next;
      drop(page, next - page);
      page = next;
    }
  for (int page = 0; page < pages; ++page)
    if (is_written(page)) word(page)[1] = (uint64_t)page;
  protect(0);
}

void change_otherwise(void) {
  drop(512, 8);
  drop(2048, 1024);
  must("munmap", munmap(word(1024), 512 * kPage));
  must("mmap", (long)mmap(word(1024), 512 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

void check_changed(void) {
  protect(1);
  for (int page = 0; page < pages; ++page) {
    check("first word", (long)word(page)[0], is_dropped(page) ? 0 : (long)original(page));
    check("second word", (long)word(page)[1], is_written(page) ? page : 0);
  }
  protect(0);
}
