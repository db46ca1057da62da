// What a SIGTRAP means: a breakpoint, a watchpoint, a step, or a signal like any other.
#include "supervisor/run_control.h"

#include <signal.h>

#include "supervisor/stop_facts.h"

namespace rollpoint::supervisor {

using tracee::RunMode;
using tracee::Tracee;

// nullopt: a stop that nobody needs to hear of; the thread stands where it can go on.
std::optional<Stop> RunControl::classify_trap(Tracee& tracee) {
  Stop stop{.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = SIGTRAP, .executable = {}};
  if (is_breakpoint_code(tracee) && breakpoints_.stood_at(tracee.pc() - 1)) {
    tracee.set_pc(tracee.pc() - 1);
    if (!breakpoints_.wanted_at(tracee.pc())) return std::nullopt;
    stop.reason = StopReason::kBreakpoint;
    return stop;
  }
  const int code = tracee.siginfo() ? tracee.siginfo()->si_code : 0;
  if (breakpoints_.uses_debug_registers()) {
    if (auto hit = breakpoints_.take_hit(tracee)) {
      stop.reason = hit->kind == BreakpointKind::kHardware ? StopReason::kHardwareBreakpoint : StopReason::kWatchpoint;
      stop.address = hit->address;
      stop.access = hit->kind;
      return stop;
    }
  }
  const bool stepping = tracee.mode == RunMode::kStep || tracee.mode == RunMode::kRange;
  // Stepped into a handler: the kernel reports the set-up of its frame with the signal's number as the code. Over a system
  // call it gives the code of a breakpoint (arch/x86/kernel/ptrace.c, user_single_step_report).
  if (stepping && (code == TRAP_TRACE || code == TRAP_BRKPT || code == SIGTRAP || code == TRAP_BRANCH || code == TRAP_HWBKPT)) {
    const uint64_t pc = tracee.pc();
    if (tracee.mode == RunMode::kRange && pc >= tracee.range_start && pc < tracee.range_end) return std::nullopt;
    stop.reason = StopReason::kStep;
  }
  return stop;
}

void RunControl::handle_trap(Tracee& tracee) {
  if (auto stop = classify_trap(tracee)) {
    if (background_) pass_in_background(tracee, *stop);
    else report(*stop);
    return;
  }
  if (breakpoints_.hidden_at(tracee.pc()) && (breakpoints_.without_hidden() || breakpoints_.stood_at(tracee.pc())) && (at_file_call(tracee) || at_exit_site(tracee))) return;
  go_on(tracee);
}

}  // namespace rollpoint::supervisor
