#include "tracee/page_copy.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <vector>

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
    : process_(process), window_(window), task_(task) {
  if (pages.empty()) return;
  const bool gather = direction == Direction::kGather;
  uint64_t* list = gather ? window.sources() : window.targets();
  for (size_t i = 0; i < pages.size(); ++i) list[i] = memory::page_address(pages[i]);
  if (ptrace(PTRACE_GETREGS, task_, nullptr, &saved_) < 0) return;
  if (ptrace(PTRACE_GETSIGMASK, task_, size_of_mask(), &mask_) < 0) return;
  auto r = saved_;
  r.rip = code + (gather ? arch::kGatherLoopOffset : arch::kScatterLoopOffset);
  (gather ? r.rdi : r.rsi) = window.remote_data();
  r.rbx = gather ? window.remote_sources() : window.remote_targets();
  r.r12 = pages.size();
  r.r13 = window.remote_sources() - window.remote_targets();
  r.orig_rax = static_cast<uint64_t>(-1);
  r.eflags &= ~uint64_t{0x500};  // neither single-step nor backwards
  uint64_t blocked = kBlocked;
  if (ptrace(PTRACE_SETSIGMASK, task_, size_of_mask(), &blocked) < 0) return;
  under_way_ = ptrace(PTRACE_SETREGS, task_, nullptr, &r) == 0 && ptrace(PTRACE_CONT, task_, nullptr, nullptr) == 0;
}

PageCopy::~PageCopy() { finish(); }

bool PageCopy::has(size_t i) const {
  constexpr int kTurns = 2000;  // some ten µs: where it has not got a processor, waiting for the whole is better
  const std::atomic_ref<uint64_t> address(window_.sources()[i]);
  for (int turn = 0; turn < kTurns; ++turn) {
    if (address.load(std::memory_order_acquire) == 0) return true;
    if (!under_way_) return false;
    arch::relax();
  }
  return false;
}

bool PageCopy::has_more() const {
  arch::GeneralRegisters r;
  return ptrace(PTRACE_GETREGS, task_, nullptr, &r) == 0 && r.r12 != 0;
}

bool PageCopy::finish() {
  if (!under_way_) return false;
  under_way_ = false;
  std::vector<int> postponed;
  bool done = false;
  for (;;) {
    int status;
    try {
      status = process_.waiter().wait_for(task_);
    } catch (const util::SysError&) {
      return false;
    }
    if (!WIFSTOPPED(status)) {
      process_.lose(task_, status);
      return false;
    }
    const int event = status >> 16, signal = WSTOPSIG(status);
    if (event == 0 && (signal == SIGTRAP || signal == SIGSEGV || signal == SIGBUS) && comes_from_processor(task_)) {
      done = signal == SIGTRAP;
      if (!done || !has_more()) break;
    } else if (event == 0) {
      postponed.push_back(signal);
    }
    if (ptrace(PTRACE_CONT, task_, nullptr, nullptr) < 0) return false;
  }
  ptrace(PTRACE_SETREGS, task_, nullptr, &saved_);
  ptrace(PTRACE_SETSIGMASK, task_, size_of_mask(), &mask_);
  if (process_.find(task_))
    for (int signal : postponed) syscall(SYS_tgkill, process_.pid(), task_, signal);
  return done;
}

void announce(Window& window, size_t slot) { window.sources()[slot] = 1; }

void put(Window& window, size_t slot, const std::byte* content) {
  memcpy(window.data(slot), content, memory::kPageSize);
  std::atomic_ref(window.sources()[slot]).store(0, std::memory_order_release);
}

}  // namespace rollpoint::tracee
