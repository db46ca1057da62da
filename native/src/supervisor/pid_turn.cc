#include "supervisor/pid_turn.h"

#include <sched.h>
#include <signal.h>

#include <chrono>
#include <fstream>

#include "tracee/arch.h"

namespace rollpoint::supervisor {

namespace {

constexpr long kMostNumbers = 1 << 16;
constexpr auto kPatience = std::chrono::seconds(4);

bool in_use(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

}  // namespace

bool await_turn(pid_t pid) {
  long numbers = 0;
  std::ifstream("/proc/sys/kernel/pid_max") >> numbers;
  if (numbers == 0 || numbers > kMostNumbers || in_use(pid)) return false;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (unsigned turns = 0;; ++turns) {
    if (turns % 256 == 0 && (std::chrono::steady_clock::now() > end || in_use(pid))) return false;
    const long made = arch::make_vanishing_thread();
    if (made < 0) {
      sched_yield();  // the ones before have not quite gone
      continue;
    }
    constexpr long kNear = 64;
    if (made >= pid || pid - made > kNear) continue;
    bool next = true;
    for (auto between = static_cast<pid_t>(made + 1); between < pid && next; ++between) next = in_use(between);
    if (next) return true;
  }
}

}  // namespace rollpoint::supervisor
