// Registers: vector and floating point values that a thread keeps in them, rounding and precision, the gs base.
// See state.h for the frame.
// @flags -lm
#include "state.h"

#include <asm/prctl.h>
#include <fenv.h>
#include <xmmintrin.h>

enum { kRegisters = 16, kBytes = 16 };

static pthread_t spinner;
static unsigned char loaded[kRegisters * kBytes], stored[kRegisters * kBytes];
static volatile int spin = 1, stores = 0, rounds = 0, quit = 0;
static long gs_original[4], gs_changed[4];

#define EACH(each) each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9) each(10) each(11) each(12) each(13) each(14) each(15)
#define LOAD(n) "movdqu " #n "*16(%[from]), %%xmm" #n "\n"
#define STORE(n) "movdqu %%xmm" #n ", " #n "*16(%[to])\n"
#define NAME(n) "xmm" #n,

/** Keeps all of `loaded` in vector registers alone while `spin`, then stores them. Memory knows nothing meanwhile. */
static void keep_in_registers(void) {
  __asm__ volatile(EACH(LOAD)
                   "1: pause\n"
                   "incl %[rounds]\n"
                   "cmpl $0, %[spin]\n"
                   "jne 1b\n" EACH(STORE)
                   : [spin] "+m"(spin), [rounds] "+m"(rounds)
                   : [from] "r"(loaded), [to] "r"(stored)
                   : EACH(NAME) "memory", "cc");
}

static void* work(void* unused) {
  while (!quit) {
    keep_in_registers();
    ++stores;
    while (!spin && !quit) usleep(200);
  }
  return unused;
}

static void load(int seed) {
  for (int i = 0; i < kRegisters * kBytes; ++i) loaded[i] = (unsigned char)(seed + 3 * i);
}

/** Until the thread has gone round with the registers loaded. */
static void wait_for_round(void) {
  for (int before = rounds; rounds - before < 3;) usleep(100);
}

static void check_stored(int seed) {
  const int before = stores;
  spin = 0;
  while (stores == before) usleep(100);
  for (int i = 0; i < kRegisters * kBytes; ++i) check("vector registers", stored[i], (unsigned char)(seed + 3 * i));
}

static void restart(int seed) {
  load(seed);
  spin = 1;
  wait_for_round();
  memset(loaded, 0, sizeof loaded);
}

static void check_floating_point(int rounding, int to_zero) {
  check("rounding", fegetround(), rounding);
  check("denormals", (_mm_getcsr() & _MM_FLUSH_ZERO_MASK) != 0, to_zero);
}

static long in_gs(void) {
  long value;
  __asm__ volatile("movq %%gs:8, %0" : "=r"(value));
  return value;
}

void set_up(void) {
  gs_original[1] = 1111;
  gs_changed[1] = 2222;
  must("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_GS, gs_original));
  fesetround(FE_UPWARD);
  load(5);
  check("pthread_create", pthread_create(&spinner, NULL, work, NULL), 0);
  wait_for_round();
  memset(loaded, 0, sizeof loaded);
}

void check_original(void) {
  check("gs base", in_gs(), 1111);
  check_floating_point(FE_UPWARD, 0);
  check_stored(5);
}

void change(void) {
  must("arch_prctl", syscall(SYS_arch_prctl, ARCH_SET_GS, gs_changed));
  fesetround(FE_DOWNWARD);
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  restart(77);
}

void check_changed(void) {
  check("gs base", in_gs(), 2222);
  check_floating_point(FE_DOWNWARD, 1);
  check_stored(77);
  restart(77);
}

void change_otherwise(void) {
  fesetround(FE_TOWARDZERO);
  restart(130);
}

void clean_up(void) {
  quit = 1;
  spin = 0;
  check("pthread_join", pthread_join(spinner, NULL), 0);
}
