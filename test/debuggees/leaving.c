// Ends in every way that a program has: `return N`, `exit N`, `_exit N`, `quick_exit N`, `group N` (its own exit_group),
// `thread N` (exit from another thread), `alone N` (main ends first, the last thread then), `loop` (never).
// Four threads have ended before, and one still waits. What it prints tells the value of `answer` at the end.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

volatile int answer = 1;
volatile int ended = 0;

__attribute__((noinline)) void at_begin(void) { __asm__ volatile("" ::: "memory"); }  // @begin
__attribute__((noinline)) void at_leave(void) { __asm__ volatile("" ::: "memory"); }  // @leave

static const char* how;
static int number;
static pthread_t first;

static void handler(void) {
  printf("handler: answer %d\n", answer);
}

static void* count(void* unused) {
  __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
  return unused;
}

static void* wait_forever(void* unused) {
  for (;;) pause();
  return unused;
}

static void leave(void) {
  at_leave();
  if (strcmp(how, "exit") == 0 || strcmp(how, "thread") == 0) exit(number);
  if (strcmp(how, "_exit") == 0) {
    fflush(stdout);
    _exit(number);
  }
  if (strcmp(how, "quick_exit") == 0) {
    fflush(stdout);
    quick_exit(number);
  }
  if (strcmp(how, "group") == 0) {
    fflush(stdout);
    long result;
    __asm__ volatile("mov $231, %%eax; syscall" : "=a"(result) : "D"((long)number) : "rcx", "r11", "memory");
  }
}

static void* leave_from_thread(void* unused) {
  if (strcmp(how, "alone") == 0) pthread_join(first, NULL);
  leave();
  return unused;
}

int main(int argc, char** argv) {
  how = argc > 1 ? argv[1] : "return";
  number = argc > 2 ? atoi(argv[2]) : 0;
  first = pthread_self();
  atexit(handler);
  pthread_t waiting, others[4];
  const int alone = strcmp(how, "alone") == 0;
  if (!alone) pthread_create(&waiting, NULL, wait_forever, NULL);
  for (int i = 0; i < 4; ++i) pthread_create(&others[i], NULL, count, NULL);
  at_begin();
  for (int i = 0; i < 4; ++i) pthread_join(others[i], NULL);
  printf("answer %d, %d ended\n", answer, ended);
  if (strcmp(how, "loop") == 0) wait_forever(NULL);
  if (alone || strcmp(how, "thread") == 0) {
    pthread_t last;
    pthread_create(&last, NULL, leave_from_thread, NULL);
    if (alone) pthread_exit(NULL);
    pthread_join(last, NULL);
  }
  leave();
  return number;
}
