// Brings every thread to a halt, and takes in what their stops meant.
#include "supervisor/run_control.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "supervisor/stop_facts.h"

namespace rollpoint::supervisor {

using tracee::Tracee;

void RunControl::stop_all() {
  stopping_ = true;
  auto outstanding = [&] {
    size_t count = 0;
    for (auto& [tid, tracee] : process_.tracees())
      if (!tracee->stopped() && !tracee->in_vfork) ++count;
    return count;
  };
  for (auto& [tid, tracee] : process_.tracees())
    if (!tracee->stopped() && !tracee->in_vfork && !tracee->is_new && !tracee->interrupt_sent) tracee->interrupt();
  kin_.halt();
  while (!ended_) {
    const size_t left = outstanding();
    if (!left && !kin_.outstanding()) break;
    std::optional<tracee::WaitStatus> status;
    auto* leader = process_.find(process_.pid());
    if (left == 1 && leader && !leader->stopped() && process_.tracees().size() > 1) {
      // A leader that has ended before the other threads never reports (ptrace(2), BUGS).
      status = process_.waiter().poll();
      if (!status && is_zombie(process_.pid())) {
        process_.remove(process_.pid());
        continue;
      }
      if (!status) {
        timespec pause{0, 50'000};
        nanosleep(&pause, nullptr);
        continue;
      }
    } else {
      status = process_.waiter().wait();
      if (!status) continue;
    }
    kin_.handle(status->tid, status->status);
  }
  stopping_ = false;
  if (!ended_) kin_.halted();
}

// Takes a stop that came while everything is being brought to a halt.
void RunControl::absorb(Tracee& tracee, int status) {
  const int event = status >> 16;
  tracee.note_stop(status);
  undo_moved_exit(tracee);
  leave_stub(tracee);
  if (event == PTRACE_EVENT_EXEC) {
    handle_exec(tracee);
    return;
  }
  if (is_birth(event)) handle_new_task(tracee.tid(), event);
  if (event == PTRACE_EVENT_VFORK_DONE) tracee.in_vfork = false;
  const bool in_call = is_call_stop(status);
  if (in_call) note_call(tracee);
  if (in_call || (event != 0 && event != PTRACE_EVENT_STOP)) {
    // Inside a system call registers must not be changed; go on to its edge.
    tracee.interrupt();
    tracee.resume(PTRACE_CONT, 0);
    return;
  }
  if (event == PTRACE_EVENT_STOP) {
    // Its stop comes at once, with nothing run in between; left in the queue it would be told when the breakpoint is
    // gone, with the pc behind it.
    if (has_pending_trap(tracee.tid())) tracee.resume(PTRACE_CONT, 0);
    return;
  }
  const int signal = WSTOPSIG(status);
  if (was_sent_by_us(tracee, signal)) {
    tracee.pass_signal = 0;
    tracee.owed_signal = signal;
  } else if (signal == SIGTRAP) {
    auto stop = classify_trap(tracee);
    // A breakpoint or step is met again when the thread goes on; a watched access is not.
    if (stop && stop->reason != StopReason::kBreakpoint && stop->reason != StopReason::kStep) pending_[tracee.tid()] = *stop;
  } else {
    pending_[tracee.tid()] = {.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = signal, .executable = {}};
  }
}

}  // namespace rollpoint::supervisor
