// Dies of the signal that its argument names, unless `spare` is set at `at_begin`: `segv`, `thread` (segv in a thread, while
// main waits in join), `abort`, `fpe`, `ill`, `bus`, `term` (sent by itself), `alarm`, `handled` (a segv with a handler).
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

volatile int spare = 0;
volatile int handled = 0;
static int* volatile nowhere = 0;
static volatile int zero = 0;
static sigjmp_buf back;

__attribute__((noinline)) void at_begin(void) { __asm__ volatile("" ::: "memory"); }  // @begin

static void on_segv(int signal) {
  (void)signal;
  ++handled;
  siglongjmp(back, 1);
}

static void* crash_in_thread(void* unused) {
  if (!spare) *nowhere = 1;  // @crash
  return unused;
}

static void crash(const char* how) {
  if (strcmp(how, "segv") == 0) *nowhere = 1;
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "fpe") == 0) zero = 10 / zero;
  if (strcmp(how, "ill") == 0) __builtin_trap();
  if (strcmp(how, "term") == 0) raise(SIGTERM);
  if (strcmp(how, "alarm") == 0) {
    alarm(1);
    for (;;) pause();
  }
  if (strcmp(how, "bus") == 0) {
    FILE* empty = tmpfile();
    *(volatile int*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0) = 1;
  }
  if (strcmp(how, "handled") == 0) {
    signal(SIGSEGV, on_segv);
    if (!sigsetjmp(back, 1)) *nowhere = 1;
    printf("handled %d\n", handled);
  }
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "segv";
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  at_begin();
  if (strcmp(how, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, crash_in_thread, NULL);
    pthread_join(thread, NULL);
  } else if (!spare) {
    crash(how);
  }
  puts("survived");
  return 0;
}
