#include "tracee/page_copy.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace rollpoint::tracee {

namespace {

// A forced signal that is blocked would reset its action (kernel/signal.c), so those that a copy may meet stay open.
constexpr uint64_t kBlocked = ~(1ULL << (SIGTRAP - 1) | 1ULL << (SIGSEGV - 1) | 1ULL << (SIGBUS - 1));

void* size_of_mask() { return reinterpret_cast<void*>(sizeof(uint64_t)); }

bool comes_from_processor(pid_t task) {
  siginfo_t info;
  return ptrace(PTRACE_GETSIGINFO, task, nullptr, &info) == 0 && info.si_code > 0;
}

}  // namespace

PageCopy::PageCopy(Process& process, pid_t task, uint64_t code, Window& window, Direction direction, std::span<const uint64_t> pages)
    : process_(process), window_(window), task_(task), by_turns_(direction == Direction::kGatherByTurns) {
  if (pages.empty()) return;
  const bool gather = direction != Direction::kScatter;
  uint64_t* list = gather ? window.sources() : window.targets();
  for (size_t i = 0; i < pages.size(); ++i) list[i] = memory::page_address(pages[i]);
  if (ptrace(PTRACE_GETREGS, task_, nullptr, &saved_) < 0) return;
  if (ptrace(PTRACE_GETSIGMASK, task_, size_of_mask(), &mask_) < 0) return;
  auto r = saved_;
  r.r12 = pages.size();
  if (gather) {
    release(0);
    r.rip = code + arch::kGatherLoopOffset;
    r.rbx = window.remote_sources();
    r.rbp = window.remote_limit();
    r.r13 = window.remote_data();
    r.r14 = 0;
    r.r15 = (by_turns_ ? Window::kRing : Window::kPages) - 1;
  } else {
    r.rip = code + arch::kScatterLoopOffset;
    r.rsi = window.remote_data();
    r.rbx = window.remote_targets();
    r.r13 = window.remote_sources() - window.remote_targets();
  }
  r.orig_rax = static_cast<uint64_t>(-1);
  r.eflags &= ~uint64_t{0x500};  // neither single-step nor backwards
  uint64_t blocked = kBlocked;
  if (ptrace(PTRACE_SETSIGMASK, task_, size_of_mask(), &blocked) < 0) return;
  under_way_ = ptrace(PTRACE_SETREGS, task_, nullptr, &r) == 0 && resume();
}

PageCopy::~PageCopy() { finish(); }

void PageCopy::release(size_t count) {
  std::atomic_ref(window_.limit()).store(by_turns_ ? count + Window::kRing : Window::kPages, std::memory_order_release);
}

bool PageCopy::has(size_t i) const {
  constexpr int kTurns = 2000;  // some ten µs: where it has not got a processor, waiting for the whole is better
  const std::atomic_ref<uint64_t> address(window_.sources()[i]);
  for (int turn = 0; turn < kTurns; ++turn) {
    if (address.load(std::memory_order_acquire) == 0) return true;
    if (!under_way_ || stands_) return false;
    arch::relax();
  }
  return false;
}

bool PageCopy::resume() {
  stands_ = false;
  return ptrace(PTRACE_CONT, task_, nullptr, nullptr) == 0;
}

PageCopy::Stop PageCopy::wait() {
  for (;;) {
    int status;
    try {
      status = process_.waiter().wait_for(task_);
    } catch (const util::SysError&) {
      return Stop::kFailed;
    }
    if (!WIFSTOPPED(status)) {
      process_.lose(task_, status);
      return Stop::kFailed;
    }
    const int event = status >> 16, signal = WSTOPSIG(status);
    if (event == 0 && (signal == SIGTRAP || signal == SIGSEGV || signal == SIGBUS) && comes_from_processor(task_)) {
      arch::GeneralRegisters r;
      const bool has_more = ptrace(PTRACE_GETREGS, task_, nullptr, &r) == 0 && r.r12 != 0;
      if (signal != SIGTRAP) return Stop::kFailed;
      return has_more ? Stop::kMidway : Stop::kDone;
    }
    if (event == 0) postponed_.push_back(signal);
    if (!resume()) return Stop::kFailed;
  }
}

void PageCopy::give_back() {
  under_way_ = false;
  ptrace(PTRACE_SETREGS, task_, nullptr, &saved_);
  ptrace(PTRACE_SETSIGMASK, task_, size_of_mask(), &mask_);
  if (process_.find(task_))
    for (int signal : std::exchange(postponed_, {})) syscall(SYS_tgkill, process_.pid(), task_, signal);
}

bool PageCopy::go_on() {
  if (!under_way_) return false;
  if (stands_ && resume()) return true;
  if (!stands_ && wait() == Stop::kMidway) return stands_ = true;
  give_back();
  return false;
}

bool PageCopy::finish() {
  if (!under_way_) return false;
  Stop stop = stands_ ? Stop::kMidway : wait();
  // By turns it would wait for slots for ever.
  while (stop == Stop::kMidway && !by_turns_) stop = resume() ? wait() : Stop::kFailed;
  give_back();
  return stop == Stop::kDone;
}

void announce(Window& window, size_t slot) { window.sources()[slot] = 1; }

void put(Window& window, size_t slot, const std::byte* content) {
  memcpy(window.data(slot), content, memory::kPageSize);
  std::atomic_ref(window.sources()[slot]).store(0, std::memory_order_release);
}

}  // namespace rollpoint::tracee
