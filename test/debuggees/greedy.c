// Takes more and more memory, until the kernel kills it for that; unless it has been told not to.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile int modest = 0;
volatile int steps = 0;

__attribute__((noinline)) void at_begin(void) { __asm__ volatile("" ::: "memory"); }

int main(void) {
  enum { kPart = 1 << 20 };
  char* kept = malloc(kPart);
  memset(kept, 'k', kPart);
  at_begin();
  while (!modest) {
    char* part = malloc(kPart);
    if (!part) return 2;
    memset(part, 'x', kPart);
    ++steps;
  }
  for (int i = 0; i < kPart; ++i)
    if (kept[i] != 'k') return 1;
  printf("steps %d\n", steps);
  return 0;
}
