// Throws an exception that nobody catches, unless `limit` is raised in time: dies of SIGABRT.
#include <sys/resource.h>

#include <cstdio>
#include <stdexcept>

static int spend(int amount, int limit) {
  if (amount > limit) throw std::runtime_error("limit exceeded");
  return limit - amount;
}

int main() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  int limit = 10;
  int rest = 0;
  for (int amount = 1; amount <= 12; amount += 11) { // @before
    rest = spend(amount, limit);
  }
  std::printf("rest: %d\n", rest);
  return 0;
}
