// Has as many mappings as it may (vm.max_map_count), and changes pages meanwhile. See state.h for the frame.
#include "state.h"

#include <sys/mman.h>

enum { kPage = 4096, kPages = 64 };

static char content[kPages * kPage] __attribute__((aligned(4096)));
static char* crowd;
static size_t crowd_pages;

static void fill(char value) { memset(content, value, sizeof content); }

static void check_content(char value) {
  for (size_t i = 0; i < sizeof content; i += 512) check("content", content[i], value);
}

void set_up(void) { fill(1); }

void check_original(void) { check_content(1); }

void change(void) {
  crowd_pages = 70000;
  crowd = mmap(NULL, crowd_pages * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check_true("mmap", crowd != MAP_FAILED);
  size_t page = 1;
  while (page < crowd_pages && mprotect(crowd + page * kPage, kPage, PROT_NONE) == 0) page += 2;
  check_true("a limit", page < crowd_pages);
  // There it takes two more at once; here one.
  for (page = crowd_pages - 1; page > crowd_pages - 9 && mprotect(crowd + page * kPage, kPage, PROT_NONE) == 0; --page) mprotect(crowd + --page * kPage, kPage, PROT_WRITE);
  check_true("the limit", page > crowd_pages - 9);
  fill(2);
}

void check_changed(void) { check_content(2); }
