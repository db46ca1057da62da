#include "supervisor/pid_turn.h"

#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "tracee/arch.h"

namespace rollpoint::supervisor {

namespace {

constexpr long kMostNumbers = 1 << 16;
constexpr auto kPatience = std::chrono::seconds(4);

bool in_use(pid_t pid) { return kill(pid, 0) == 0 || errno != ESRCH; }

// The next number after `last` that is free is `pid`.
bool is_next(long last, pid_t pid) {
  constexpr long kNear = 64;
  if (last >= pid || pid - last > kNear) return false;
  for (auto between = static_cast<pid_t>(last + 1); between < pid; ++between)
    if (!in_use(between)) return false;
  return true;
}

// The last field of /proc/loadavg (proc(5)).
long last_number() {
  std::ifstream file("/proc/loadavg");
  std::string field;
  while (file >> field) {
  }
  return field.empty() ? 0 : std::stol(field);
}

}  // namespace

bool numbers_come_round() {
  long numbers = 0;
  std::ifstream("/proc/sys/kernel/pid_max") >> numbers;
  return numbers > 0 && numbers <= kMostNumbers;
}

bool await_turn(pid_t pid) {
  if (!numbers_come_round()) return false;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  auto late = [&] { return std::chrono::steady_clock::now() > end; };
  while (in_use(pid)) {
    if (late()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (is_next(last_number(), pid)) return true;
  for (unsigned turns = 0; turns % 256 != 0 || !late(); ++turns) {
    const long made = arch::make_vanishing_thread();
    if (made < 0) sched_yield();  // the ones before have not quite gone
    else if (is_next(made, pid)) return !in_use(pid);
  }
  return false;
}

}  // namespace rollpoint::supervisor
