// What rollpoint-server is tried on: threads, thread-locals, a string, vector registers, signals, an exit code.
// Positions are markers, never line numbers.
#include <immintrin.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

thread_local int depth = 7;
int ticks = 0;
long total = 0;
volatile sig_atomic_t alarms = 0;
std::string greeting = "hello, world";

int tick(int by) {
  __atomic_add_fetch(&ticks, by, __ATOMIC_SEQ_CST);  // @tick
  total += ticks;
  return ticks;  // @ticked
}

__attribute__((target("avx"))) void vectors(const float* values) {
  asm volatile("vmovups (%0), %%ymm7" : : "r"(values) : "xmm7", "memory");
  asm volatile("nop");  // @vectors
}

void on_alarm(int) { alarms = alarms + 1; }

void worker(int number) {
  depth = 100 + number;
  for (int i = 0; i < 3; i++) {
    std::string name = "worker " + std::to_string(number);
    if (name.empty()) abort();
  }
  tick(number);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (!strcmp(what, "crash")) {
    volatile int* nowhere = nullptr;
    *nowhere = 1;  // @crash
  }
  if (!strcmp(what, "wait")) {
    puts("waiting");
    fflush(stdout);
    for (;;) usleep(1000);
  }
  if (!strcmp(what, "exec")) execl(argv[0], argv[0], "threads", nullptr);
  signal(SIGALRM, on_alarm);
  signal(SIGUSR1, on_alarm);
  if (!strcmp(what, "signals")) {
    for (int i = 0; i < 20; i++) raise(SIGALRM);
    raise(SIGUSR1);
    printf("alarms %d\n", alarms);  // @signals
    return 0;
  }
  if (!strcmp(what, "vectors")) {
    float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    vectors(values);
    return 0;
  }
  if (!strcmp(what, "threads")) {
    std::vector<std::thread> threads;
    for (int i = 1; i <= 3; i++) threads.emplace_back(worker, i);
    for (auto& thread : threads) thread.join();
  }
  for (int i = 0; i < 5; i++) tick(1);
  printf("ticks %d, total %ld, %s\n", ticks, total, greeting.c_str());  // @end
  return 40 + argc;
}
