// Ten threads in the states that a rollback must bring back, and a main thread that changes memory, mappings and
// threads all the time. Everything checks itself against a model that lies in memory too, so model and reality must be
// rolled back together. Usage: threads10 [steps] [stdin]; with `stdin` each step waits for a line.
// Calls at_step before each step; prints a digest that hangs only on the number of steps; exits with 0, or 3 on errors.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "threads10.h"

std::atomic<int> errors{0};
std::atomic<bool> finishing{false};
int step = 0;

void failed(const char* what, long got, long wanted) {
  int number = ++errors;
  if (number <= 20) {
    std::fprintf(stderr, "step %d: %s: got %ld, wanted %ld (errno %d)\n", step, what, got, wanted, errno);
  }
}

// Where the tests stop: all messages of the last step have arrived, so pipes and counters are empty.
extern "C" __attribute__((noinline)) void at_step(int number) {
  asm volatile("" : : "r"(number) : "memory"); // @step
}

// The ten threads have ended; rolled back from here, they live again.
extern "C" __attribute__((noinline)) void at_end(int errors_found) {
  asm volatile("" : : "r"(errors_found) : "memory");
}

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 40;
  const bool driven = argc > 2 && std::strcmp(argv[2], "stdin") == 0;
  Mappings mappings;
  Workers workers;
  workers.start();
  std::uint64_t digest = 14695981039346656037ull;
  for (step = 1; step <= steps; ++step) {
    at_step(step);
    if (driven) {
      char line[64];
      if (!std::fgets(line, sizeof line, stdin)) {
        break;
      }
    }
    mappings.change(step);
    workers.send(step);
    workers.change_threads(step);
    mappings.check();
    digest = (digest ^ mappings.digest() ^ workers.digest()) * 1099511628211ull;
  }
  workers.finish();
  mappings.check();
  std::printf("digest %016llx errors %d\n", static_cast<unsigned long long>(digest), errors.load()); // @end
  std::fflush(stdout);
  at_end(errors.load());
  return errors.load() == 0 ? 0 : 3;
}
