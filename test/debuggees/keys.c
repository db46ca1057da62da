// Has a protection key of memory, where the processor knows them.
#define _GNU_SOURCE
#include <sys/mman.h>

int key = 0;  // below 0: there are none
__attribute__((noinline)) void at_armed(void) { __asm__ volatile("" ::: "memory"); }  // @armed

int main(void) {
  key = pkey_alloc(0, 0);
  at_armed();
  return 0;
}
