#include "snapshot/twin.h"

#include <linux/close_range.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "resources/system_v.h"
#include "tracee/page_copy.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

std::unique_ptr<Twin> Twin::freeze(tracee::Process& process, std::shared_ptr<tracee::Window> window) {
  tracee::RemoteSyscalls remote(process);
  // CLONE_FILES: its own table would keep pipe ends open that the debuggee closes. CLONE_PARENT: no child that the
  // debuggee's wait could see; ours only where we are the parent, else a zombie would be left with a stranger.
  // Exit signal 0: no SIGCHLD for anybody.
  const uint64_t flags = CLONE_FILES | CLONE_FS | (process.launched() ? CLONE_PARENT : 0);
  const auto segments = resources::keep_out_of_clones(remote, process.pid());
  const pid_t pid = remote.clone(SYS_clone, flags);
  resources::let_into_clones(remote, segments);
  tracee::keep_from_children(process);
  auto twin = std::unique_ptr<Twin>(new Twin(process, pid, std::move(window)));
  if (!process.launched()) twin->leave_descriptors();
  return twin;
}

// Where the process may end before the session does: what it held open must be closed then.
void Twin::leave_descriptors() {
  arch::GeneralRegisters r;
  if (ptrace(PTRACE_GETREGS, pid_, nullptr, &r) < 0) return;
  r.rip = code_ + arch::kSyscallLoopSpare;
  r.rax = SYS_close_range;
  r.rdi = 0;
  r.rsi = ~0U;
  r.rdx = CLOSE_RANGE_UNSHARE;
  r.orig_rax = static_cast<uint64_t>(-1);
  r.eflags &= ~uint64_t{0x500};
  if (ptrace(PTRACE_SETREGS, pid_, nullptr, &r) < 0) return;
  for (;;) {
    if (ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) < 0) return;
    const int status = process_.waiter().wait_for(pid_);
    if (!WIFSTOPPED(status)) ended_ = true;
    if (!WIFSTOPPED(status) || (status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP)) return;
  }
}

Twin::~Twin() { end(nullptr); }

bool Twin::alive() const {
  std::byte byte;
  return !ended_ && kill(pid_, 0) == 0 && pread(memory_.fd(), &byte, 0, 0) == 0;
}

void Twin::read_pages(std::span<const uint64_t> page_numbers, std::byte* out, util::Background& background) {
  constexpr size_t kWorthRunning = 16;  // waking the twin costs as much as reading this many from outside
  while (window_ && page_numbers.size() >= kWorthRunning) {
    const auto part = page_numbers.first(std::min(page_numbers.size(), tracee::Window::kPages));
    // False also for a page that it may not read itself (PROT_NONE).
    if (!tracee::PageCopy(process_, pid_, code_, *window_, tracee::PageCopy::Direction::kGather, part).finish()) break;
    memcpy(out, window_->data(0), part.size() * memory::kPageSize);
    page_numbers = page_numbers.subspan(part.size());
    out += part.size() * memory::kPageSize;
  }
  if (!page_numbers.empty()) read_from_outside(page_numbers, out, background);
}

void Twin::read_from_outside(std::span<const uint64_t> page_numbers, std::byte* out, util::Background& background) {
  // Each scattered page is a system call of 2 to 4 µs; below this many a second thread does not pay.
  constexpr size_t kWorthSharing = 64;
  const size_t ours = page_numbers.size() < kWorthSharing ? page_numbers.size() : page_numbers.size() / 2;
  size_t failed = 0, failed_beside = 0;
  if (ours < page_numbers.size()) {
    util::Beside rest(background, [&] { failed_beside = beside_.read_pages(page_numbers.subspan(ours), out + ours * memory::kPageSize); });
    failed = memory_.read_pages(page_numbers.first(ours), out);
    rest.wait();
  } else if (ours) {
    failed = memory_.read_pages(page_numbers, out);
  }
  if (failed + failed_beside != 0)
    throw util::CodedError(util::kProcessGone, "The frozen twin that keeps the first snapshot's memory is gone; the system may have run out of memory.");
}

void Twin::end(tracee::Process* stopped) {
  if (ended_) return;
  ended_ = true;
  kill(pid_, SIGKILL);
  if (!child_of_debuggee_ || !stopped) return;
  try {
    stopped->waiter().wait_for(pid_);
    tracee::RemoteSyscalls(*stopped).call(SYS_wait4, static_cast<uint64_t>(pid_), 0, __WALL | WNOHANG, 0);
  } catch (const util::CodedError&) {
    // The debuggee has ended meanwhile; init reaps what it leaves.
  }
}

}  // namespace rollpoint::snapshot
