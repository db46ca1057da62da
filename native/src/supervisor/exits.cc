// Ends of threads and of the process: at the exit system call, and once gone.
#include "supervisor/run_control.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <utility>

#include "tracee/remote_syscalls.h"

namespace rollpoint::supervisor {

using tracee::ThreadState;
using tracee::Tracee;

// True when the thread was dealt with here.
bool RunControl::at_exit_site(Tracee& tracee) {
  auto r = tracee.registers();
  if (r.rax != SYS_exit) {
    breakpoints_.lift(process_, r.rip);
    breakpoints_.drop_hidden(r.rip);
    return false;
  }
  if (callbacks_.park_at_exit(tracee)) return true;
  tracee.exit_site = r.rip;
  r.rip = tracee::RemoteSyscalls::spare_syscall(process_);
  tracee.set_registers(r);
  tracee.resume(PTRACE_CONT, 0);
  return true;
}

// A stop that came before the moved exit was made: back to where the thread came from, since by the time it goes on a
// snapshot may want it.
void RunControl::undo_moved_exit(Tracee& tracee) {
  const uint64_t site = std::exchange(tracee.exit_site, 0);
  if (!site || !process_.scratch) return;
  auto r = tracee.registers();
  if (r.rip != tracee::RemoteSyscalls::spare_syscall(process_) || r.rax != SYS_exit) return;
  r.rip = site;
  tracee.set_registers(r);
}

void RunControl::handle_gone(pid_t tid, int status) {
  pending_.erase(tid);
  process_.remove(tid);
  if (tid == process_.pid()) {
    ended_ = true;
    running_ = false;
    process_.tracees().clear();
    callbacks_.ended(WIFSIGNALED(status) ? End{true, WTERMSIG(status)} : End{false, WEXITSTATUS(status)});
    return;
  }
  if (!running_ || stopping_) return;
  for (auto& [other, tracee] : process_.tracees())
    if (tracee->state() == ThreadState::kRunning) return;
  // The last thread that was to run has ended and the others are held: the debugger must get a word.
  for (auto& [other, tracee] : process_.tracees())
    if (!tracee->parked()) return report({.reason = StopReason::kInterrupt, .tid = other, .executable = {}});
}

}  // namespace rollpoint::supervisor
