#include "snapshot/twin.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

std::unique_ptr<Twin> Twin::freeze(tracee::Process& process) {
  tracee::RemoteSyscalls remote(process);
  // CLONE_FILES: its own table would keep pipe ends open that the debuggee closes. CLONE_PARENT: no child that the
  // debuggee's wait could see; ours only where we are the parent, else a zombie would be left with a stranger.
  // Exit signal 0: no SIGCHLD for anybody.
  const uint64_t flags = CLONE_FILES | CLONE_FS | (process.launched() ? CLONE_PARENT : 0);
  const pid_t pid = remote.clone(SYS_clone, flags);
  return std::unique_ptr<Twin>(new Twin(pid, !process.launched()));
}

Twin::~Twin() { end(nullptr); }

bool Twin::alive() const {
  std::byte byte;
  return !ended_ && kill(pid_, 0) == 0 && pread(memory_.fd(), &byte, 0, 0) == 0;
}

void Twin::read_pages(std::span<const uint64_t> page_numbers, std::byte* out, util::Background& background) {
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
