// Ends of threads and of the program: before the last system call, and once gone.
#include "supervisor/run_control.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <utility>

#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::ThreadState;
using tracee::Tracee;

// True when the thread was dealt with here.
bool RunControl::at_exit_site(Tracee& tracee) {
  const auto& r = tracee.registers();
  if (r.rax != SYS_exit && r.rax != SYS_exit_group) {
    breakpoints_.drop_hidden(r.rip);
    // Not lifted at once: another thread may have met it already, and its trap would be nobody's.
    if (detour(tracee)) return true;
    breakpoints_.lift(process_, r.rip);
    return false;
  }
  if (ends_program(tracee)) {
    if (background_ && callbacks_.waits_at_end()) {
      wait_at_end(tracee, true);
      return true;
    }
    const bool told = std::exchange(tracee.told_exit, 0) == r.rip && tracee.told_stack == r.rsp;
    if (!background_ && !told && callbacks_.hold_at_exit()) {
      tracee.note_told(true);
      report({.reason = StopReason::kExit, .tid = tracee.tid(), .executable = {}, .code = exit_code(tracee)});
      return true;
    }
  } else if (callbacks_.park_at_exit(tracee)) {
    return true;
  }
  leave_for_good(tracee);
  return true;
}

// The thread stands at an exit site, as in the two below.
bool RunControl::ends_program(Tracee& tracee) {
  const uint64_t number = tracee.registers().rax;
  if (number != SYS_exit) return number == SYS_exit_group;
  for (auto& [tid, other] : process_.tracees())
    if (other.get() != &tracee && !other->parked() && !other->moved_exit) return false;
  return true;
}

int RunControl::exit_code(Tracee& tracee) {
  auto* leader = process_.find(process_.pid());
  auto& last = tracee.registers().rax == SYS_exit && leader && leader->parked() ? *leader : tracee;
  return static_cast<int>(last.registers().rdi & 0xff);
}

// Whole, as it will be when it comes into focus; to the others it is gone.
void RunControl::wait_at_end(Tracee& tracee, bool is_exit) {
  at_end_ = true;
  halt();
  while (!ended_ && outstanding()) {
    if (auto status = process_.waiter().wait()) kin_.handle(status->tid, status->status);
  }
  stopping_ = false;
  if (ended_) return;
  breakpoints_.withdraw(process_);
  if (!is_exit) return;
  try {
    // Ends of pipes and locks that somebody may wait for.
    tracee::RemoteSyscalls(process_, tracee).call(SYS_close_range, 0, ~0U, 0);
  } catch (const util::CodedError&) {
    // A filter forbids it: they go with the process.
  }
}

// Past the hidden breakpoint, by another system call instruction.
void RunControl::leave_for_good(Tracee& tracee) {
  if (!process_.scratch) {
    // No snapshot, so nobody is parked either.
    breakpoints_.lift(process_, tracee.pc());
    tracee.resume(PTRACE_CONT, 0);
    return;
  }
  auto r = tracee.registers();
  tracee.moved_exit = r;
  if (r.rax == SYS_exit && ends_program(tracee)) {
    // Parked threads would keep the program alive.
    r.rdi = static_cast<uint64_t>(exit_code(tracee));
    if (process_.visible_threads() < process_.tracees().size()) r.rax = SYS_exit_group;
  }
  r.rip = tracee::RemoteSyscalls::spare_syscall(process_);
  tracee.moved_dispatch = tracee.dispatch();
  tracee.set_dispatch({});
  tracee.set_registers(r);
  tracee.resume(PTRACE_CONT, 0);
}

// A stop that came before the moved exit was made: back to where the thread came from, since by the time it goes on a
// snapshot may want it.
void RunControl::undo_moved_exit(Tracee& tracee) {
  const auto before = std::exchange(tracee.moved_exit, std::nullopt);
  if (!before || !process_.scratch) return;
  const auto r = tracee.registers();
  if (r.rip != tracee::RemoteSyscalls::spare_syscall(process_) || (r.rax != SYS_exit && r.rax != SYS_exit_group)) return;
  tracee.set_registers(*before);
  if (tracee.moved_dispatch) tracee.set_dispatch(*tracee.moved_dispatch);
  tracee.note_told(ends_program(tracee));
}

void RunControl::handle_gone(pid_t tid, int status) {
  pending_.erase(tid);
  process_.remove(tid);
  if (tid == process_.pid()) {
    ended_ = true;
    was_running_ = std::exchange(running_, false);
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
