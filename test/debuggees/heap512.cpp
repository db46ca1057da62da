// A big heap of which a given share is overwritten between steps, with idle threads beside: for measuring.
// Usage: heap512 [MiB] [percent] [threads] [steps]; prints what fork() costs it, then calls at_step before each step.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

constexpr std::size_t kPage = 4096;

// The breakpoint of the measuring tests; the asm keeps the call.
extern "C" __attribute__((noinline)) void at_step(int step) {
  asm volatile("" : : "r"(step) : "memory"); // @step
}

static long fork_micros() {
  auto begin = std::chrono::steady_clock::now();
  pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  auto end = std::chrono::steady_clock::now();
  waitpid(child, nullptr, 0);
  return std::chrono::duration_cast<std::chrono::microseconds>(end - begin).count();
}

int main(int argc, char** argv) {
  auto argument = [&](int index, int fallback) { return argc > index ? std::atoi(argv[index]) : fallback; };
  const std::size_t pages = static_cast<std::size_t>(argument(1, 512)) * (1 << 20) / kPage;
  const std::size_t dirty = pages * static_cast<std::size_t>(argument(2, 1)) / 100;
  const int threads = argument(3, 1);
  const int steps = argument(4, 10);

  auto* heap = static_cast<unsigned char*>(
      mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (heap == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  // Small pages: with huge ones a percentage of pages would be a matter of luck.
  madvise(heap, pages * kPage, MADV_NOHUGEPAGE);
  std::uint64_t expected = 0;
  for (std::size_t page = 0; page < pages; ++page) {
    *reinterpret_cast<std::uint64_t*>(heap + page * kPage) = page + 1;
    expected += page + 1;
  }
  for (int i = 1; i < threads; ++i) {
    std::thread([] { pause(); }).detach();
  }

  std::vector<long> forks;
  for (int i = 0; i < 5; ++i) {
    forks.push_back(fork_micros());
  }
  std::sort(forks.begin(), forks.end());
  std::printf("fork %ld us\n", forks[forks.size() / 2]);
  std::fflush(stdout);

  std::uint64_t random = 88172645463325252ull;
  for (int step = 1; step <= steps; ++step) {
    at_step(step);
    // A stride that is odd visits distinct pages: `dirty` of them, scattered.
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    std::size_t page = random % pages;
    for (std::size_t i = 0; i < dirty; ++i) {
      ++*reinterpret_cast<std::uint64_t*>(heap + page * kPage);
      ++expected;
      page = (page + 97) % pages;
    }
  }

  std::uint64_t sum = 0;
  for (std::size_t page = 0; page < pages; ++page) {
    sum += *reinterpret_cast<std::uint64_t*>(heap + page * kPage);
  }
  std::printf("sum %llu\n", static_cast<unsigned long long>(sum));
  return sum == expected ? 0 : 3;
}
