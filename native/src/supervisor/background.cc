// A process in the background: one that the debugger has shown and does not now. It runs as if nobody debugged it, but its
// threads are still parked at their ends; how it comes into focus and leaves it.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <utility>

#include "supervisor/run_control.h"
#include "supervisor/stop_facts.h"

namespace rollpoint::supervisor {

using tracee::RunMode;
using tracee::ThreadState;
using tracee::Tracee;

namespace {

// What a thread that stands has still to get.
int signal_left(Tracee& tracee) {
  if (const int owed = std::exchange(tracee.owed_signal, 0)) return owed;
  const int signal = tracee.delivery_signal();
  return signal == SIGTRAP ? 0 : signal;
}

}  // namespace

void RunControl::note_call(Tracee& tracee) {
  if (callbacks_.watches_calls() && is_before_call(tracee.tid())) callbacks_.at_call(tracee, tracee.registers().orig_rax);
}

// What a debugger would have heard of. A trap of a step or a watchpoint is left over from when it was in focus; an int3 of
// the program's own is the kernel's (SI_KERNEL), a signal that was sent has no positive code.
void RunControl::pass_in_background(Tracee& tracee, const Stop& stop) {
  const int code = tracee.siginfo() ? tracee.siginfo()->si_code : 0;
  const bool ours = stop.reason != StopReason::kSignal || (stop.signal == SIGTRAP && code > 0 && code != SI_KERNEL);
  if (!ours && is_fatal(process_, stop.signal) && callbacks_.waits_at_end()) {
    pending_[tracee.tid()] = stop;
    return wait_at_end(tracee, false);
  }
  go_on(tracee, ours ? 0 : stop.signal);
}

void RunControl::enter_background() {
  background_ = true;
  interrupt_wanted_ = false;
  owed_.reset();
  breakpoints_.forget_wanted();
  if (!running_) return;
  breakpoints_.add_hidden(callbacks_.end_sites());
  // The debugger's breakpoints are another process's: out of the memory of this one.
  breakpoints_.withdraw(process_);
  breakpoints_.insert(process_);
  for (auto& [tid, tracee] : process_.tracees()) {
    const bool held = std::exchange(tracee->mode, RunMode::kContinue) == RunMode::kHold;
    if (!held || tracee->state() != ThreadState::kStopped || tracee->in_vfork) continue;
    pending_.erase(tid);
    go_on(*tracee, signal_left(*tracee));
  }
}

void RunControl::enter_focus(bool running) {
  background_ = at_end_ = false;
  running_ = running;
  if (running_) {
    for (auto& [tid, tracee] : process_.tracees())
      if (tracee->mode == RunMode::kHold) tracee->mode = RunMode::kContinue;
    breakpoints_.insert(process_);
    return;
  }
  for (auto& [tid, tracee] : process_.tracees())
    if (const int signal = tracee->delivery_signal(); signal && signal != SIGTRAP && !tracee->owed_signal && !tracee->parked())
      pending_.try_emplace(tid, Stop{.reason = StopReason::kSignal, .tid = tid, .signal = signal, .executable = {}});
}

void RunControl::halt() {
  if (ended_) return;
  stopping_ = true;
  for (auto& [tid, tracee] : process_.tracees())
    if (!tracee->stopped() && !tracee->in_vfork && !tracee->is_new && !tracee->interrupt_sent) tracee->interrupt();
}

size_t RunControl::outstanding() {
  if (ended_) return 0;
  size_t count = 0;
  for (auto& [tid, tracee] : process_.tracees())
    if (!tracee->stopped() && !tracee->in_vfork) ++count;
  // A leader that has ended before the other threads never reports (ptrace(2), BUGS).
  auto* leader = process_.find(process_.pid());
  if (count == 1 && leader && !leader->stopped() && process_.tracees().size() > 1 && is_zombie(process_.pid())) {
    process_.remove(process_.pid());
    return 0;
  }
  return count;
}

void RunControl::halted() {
  if (ended_) return;
  stopping_ = running_ = false;
  breakpoints_.withdraw(process_);
}

void RunControl::go_on_in_background() {
  if (ended_) return;
  running_ = true;
  stopping_ = false;
  for (auto& [tid, tracee] : process_.tracees()) {
    const int signal = at_end_ ? 0 : tracee->delivery_signal();
    if (!signal || signal == SIGTRAP || !is_fatal(process_, signal) || !callbacks_.waits_at_end()) continue;
    pending_[tid] = {.reason = StopReason::kSignal, .tid = tid, .signal = signal, .executable = {}};
    at_end_ = true;
  }
  if (at_end_) return;
  breakpoints_.insert(process_);
  for (auto& [tid, tracee] : process_.tracees()) {
    tracee->mode = RunMode::kContinue;
    tracee->resume_signal = signal_left(*tracee);
  }
  pending_.clear();
  run_stopped_threads();
}

void RunControl::retire() {
  ended_ = true;
  running_ = stopping_ = false;
}

void RunControl::stand_again() {
  background_ = true;
  at_end_ = false;
  ended_ = running_ = stopping_ = interrupt_wanted_ = false;
  forget_pending(0);
  breakpoints_.begin_anew();
}

}  // namespace rollpoint::supervisor
