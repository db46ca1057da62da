#include "supervisor/run_control.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <utility>

#include "supervisor/stop_facts.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::RunMode;
using tracee::ThreadState;
using tracee::Tracee;

void RunControl::resume(const std::vector<ResumeAction>& actions) {
  if (ended_) throw util::CodedError(util::kNoProcess, "The program has ended.");
  if (running_) throw util::CodedError(util::kNotStopped, "The program is running already.");
  for (auto& [tid, tracee] : process_.tracees()) {
    tracee->mode = RunMode::kHold;
    tracee->resume_signal = 0;
    for (auto& action : actions) {
      if (action.tid != -1 && action.tid != tid) continue;
      tracee->mode = action.mode;
      tracee->range_start = action.start;
      tracee->range_end = action.end;
      tracee->resume_signal = action.signal ? action.signal : tracee->owed_signal;
      break;
    }
  }
  if (owed_) {
    const Stop stop = *std::exchange(owed_, std::nullopt);
    callbacks_.stopped(stop);
    return;
  }
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    auto* tracee = process_.find(it->first);
    if (!tracee || tracee->mode == RunMode::kHold) continue;
    const Stop stop = it->second;
    pending_.erase(it);
    // Nothing runs this time: what was to be delivered waits for the next.
    for (auto& [tid, other] : process_.tracees())
      if (other->mode != RunMode::kHold) other->owed_signal = other->resume_signal;
    tell(stop);
    return;
  }
  running_ = true;
  kin_.go_on();
  breakpoints_.insert(process_, steps_alone() ? Breakpoints::Which::kWithoutHidden : Breakpoints::Which::kAll);
  run_stopped_threads();
}

void RunControl::run_stopped_threads() {
  for (auto& [tid, tracee] : process_.tracees()) {
    if (tracee->state() != ThreadState::kStopped || tracee->mode == RunMode::kHold) continue;
    int signal = tracee->resume_signal;
    tracee->owed_signal = 0;
    if (signal && tracee->delivery_signal() == 0) {
      // Only a signal-delivery stop can inject; elsewhere the signal is sent, and its stop passed over.
      syscall(SYS_tgkill, process_.pid(), tid, signal);
      tracee->pass_signal = signal;
      signal = 0;
    }
    const uint64_t told = std::exchange(tracee->told_exit, signal ? tracee->told_exit : 0);
    if (!signal && told == tracee->pc() && breakpoints_.hidden_at(told) && ends_program(*tracee)) leave_for_good(*tracee);
    else go_on(*tracee, signal);
  }
}

// One thread runs, instruction by instruction: where it comes to is seen without a breakpoint there.
bool RunControl::steps_alone() {
  Tracee* alone = nullptr;
  for (auto& [tid, tracee] : process_.tracees()) {
    if (tracee->state() == ThreadState::kRunning) return false;
    if (tracee->parked() || tracee->mode == RunMode::kHold) continue;
    if (alone || tracee->mode == RunMode::kContinue) return false;
    alone = tracee.get();
  }
  return alone && !breakpoints_.hidden_at(alone->pc());
}

void RunControl::forget_pending(pid_t tid) {
  pending_.clear();
  owed_.reset();
  at_end_ = false;
  for (auto& [other, tracee] : process_.tracees()) {
    tracee->owed_signal = tracee->pass_signal = 0;
    tracee->moved_exit.reset();
    tracee->detour = 0;
    tracee->note_told(other == tid);
  }
}

void RunControl::go_on(Tracee& tracee, int signal) {
  breakpoints_.arm(tracee);
  const bool step = tracee.mode == RunMode::kStep || tracee.mode == RunMode::kRange;
  if (!callbacks_.watches_calls()) return static_cast<void>(tracee.resume(step ? PTRACE_SINGLESTEP : PTRACE_CONT, signal));
  if (step && at_call_instruction(process_, tracee)) callbacks_.at_call(tracee, tracee.registers().rax);
  tracee.resume(step ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, signal);
}

void RunControl::handle(pid_t tid, int status) {
  const bool gone = WIFEXITED(status) || WIFSIGNALED(status);
  auto* tracee = process_.find(tid);
  if (gone) {
    if ((tracee || tid == process_.pid()) && !ended_) handle_gone(tid, status);
  } else if (!tracee) {
    adopt_thread(tid, status);
  } else if (!running_ || stopping_) {
    absorb(*tracee, status);
  } else {
    tracee->note_stop(status);
    undo_moved_exit(*tracee);
    leave_stub(*tracee);
    handle_stop(*tracee, status);
  }
}

void RunControl::handle_stop(Tracee& tracee, int status) {
  const int event = status >> 16, signal = WSTOPSIG(status);
  if (is_call_stop(status)) {
    note_call(tracee);
    go_on(tracee);
  } else if (is_birth(event)) {
    handle_new_task(tracee.tid(), event);
    go_on(tracee);
  } else if (event == PTRACE_EVENT_VFORK_DONE) {
    tracee.in_vfork = false;
    breakpoints_.insert(process_);
    go_on(tracee);
    if (interrupt_wanted_) interrupt();
  } else if (event == PTRACE_EVENT_EXEC) {
    handle_exec(tracee);
  } else if (event != 0 && tracee.wait_ended && tracee.mode == RunMode::kStep && !background_) {
    report({.reason = StopReason::kStep, .tid = tracee.tid(), .executable = {}});
  } else if (event != 0) {
    go_on(tracee);  // a left-over interrupt, or job control, which a debugger overrides
  } else if (was_sent_by_us(tracee, signal)) {
    tracee.pass_signal = 0;
    go_on(tracee, signal);
  } else if (signal == SIGTRAP) {
    handle_trap(tracee);
  } else if (const Stop stop{.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = signal, .executable = {}}; background_) {
    pass_in_background(tracee, stop);
  } else {
    report(stop);
  }
}

void RunControl::report(const Stop& stop) {
  interrupt_wanted_ = false;
  stop_all();
  if (ended_) return;
  running_ = false;
  breakpoints_.withdraw(process_);
  tell(stop);
}

void RunControl::tell(Stop stop) {
  stop.fatal = stop.reason == StopReason::kSignal && is_fatal(process_, stop.signal);
  callbacks_.stopped(stop);
}

void RunControl::interrupt() {
  if (!running_) return;
  stop_all();
  if (ended_) return;
  pid_t tid = 0;
  for (auto& [other, tracee] : process_.tracees())
    if (tracee->state() == ThreadState::kStopped && (!tid || other == process_.pid())) tid = other;
  interrupt_wanted_ = tid == 0;
  if (interrupt_wanted_) return kin_.go_on();
  running_ = false;
  breakpoints_.withdraw(process_);
  callbacks_.stopped({.reason = StopReason::kInterrupt, .tid = tid, .executable = {}});
}

void RunControl::detach() {
  breakpoints_.clear_debug_registers();
  for (auto& [tid, tracee] : process_.tracees()) {
    breakpoints_.arm(*tracee);
    int signal = 0;
    if (auto it = pending_.find(tid); it != pending_.end() && it->second.reason == StopReason::kSignal) signal = it->second.signal;
    tracee->resume(PTRACE_DETACH, signal == SIGTRAP ? 0 : signal);
  }
  process_.tracees().clear();
  ended_ = true;
}

}  // namespace rollpoint::supervisor
