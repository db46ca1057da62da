#include "supervisor/relative.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "supervisor/stop_facts.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::ThreadState;
using tracee::Tracee;

void Relative::handle(pid_t tid, int status, bool halted) {
  if (control) return control->handle(tid, status);
  if (WIFEXITED(status) || WIFSIGNALED(status)) {
    has_stepped(tid);
    process_->remove(tid);
    // The leader reports last (ptrace(2)).
    if (tid == pid()) process_->tracees().clear();
    return;
  }
  auto* tracee = process_->find(tid);
  if (!tracee) return adopt_thread(tid, status, halted);
  tracee->note_stop(status);
  handle_stop(*tracee, halted && !borrows_memory_);
}

bool Relative::has_stepped(pid_t tid) {
  const auto node = over_.extract(tid);
  if (node) calls_.lift_breakpoint(*this, node.mapped(), false);
  return static_cast<bool>(node);
}

// The debugger's breakpoints stand in the memory that it shares, and are not for it. Beside it others may pass the place
// meanwhile.
bool Relative::steps_over_breakpoint(Tracee& tracee, bool halted) {
  const bool trapped = tracee.delivery_signal() == SIGTRAP;
  if (!trapped && over_.contains(tracee.tid()) && has_pending_trap(tracee.tid())) {
    tracee.resume(PTRACE_CONT, 0);  // an interrupt came before the end of the step is told
    return true;
  }
  if (has_stepped(tracee.tid())) {
    if (trapped) tracee.forget_stop();
    return false;
  }
  if (!trapped || !calls_.met_breakpoint(*this, tracee)) return false;
  tracee.forget_stop();
  if (halted) return true;
  const uint64_t address = tracee.pc();
  calls_.lift_breakpoint(*this, address, true);
  over_[tracee.tid()] = address;
  tracee.resume(PTRACE_SINGLESTEP, 0);
  return true;
}

void Relative::handle_stop(Tracee& tracee, bool halted) {
  if (shares_memory_ && steps_over_breakpoint(tracee, halted)) return;
  const int status = tracee.status(), event = status >> 16;
  if (is_birth(event)) {
    if (event == PTRACE_EVENT_VFORK) tracee.in_vfork = true;
    calls_.born(*this, tracee.tid(), event);
  }
  if (event == PTRACE_EVENT_VFORK_DONE) tracee.in_vfork = false;
  if (event == PTRACE_EVENT_EXEC) return calls_.execed(*this);
  if (event == PTRACE_EVENT_STOP) job_stopped_ = WSTOPSIG(status) != SIGTRAP;
  const bool in_call = is_call_stop(status);
  if (in_call && calls_.watches_calls() && is_before_call(tracee.tid())) calls_.at_call(*this, tracee);
  if (!halted) return run(tracee);
  if (shares_memory_ && event == PTRACE_EVENT_STOP && has_pending_trap(tracee.tid())) {
    // Told now, or it would stand behind a breakpoint that is gone.
    tracee.resume(PTRACE_CONT, 0);
    return;
  }
  if (in_call || (event != 0 && event != PTRACE_EVENT_STOP)) {
    // Inside a system call registers must not be changed; go on to its edge.
    tracee.interrupt();
    tracee.resume(PTRACE_CONT, 0);
  }
}

void Relative::run(Tracee& tracee) {
  const int status = tracee.status();
  if (status >> 16 == PTRACE_EVENT_STOP && job_stopped_) {
    // Listening: it stays stopped as it would without us, and SIGCONT or an interrupt is told.
    tracee.resume(PTRACE_LISTEN, 0);
    return;
  }
  tracee.resume(calls_.watches_calls() ? PTRACE_SYSCALL : PTRACE_CONT, is_call_stop(status) ? 0 : tracee.delivery_signal());
}

void Relative::adopt_thread(pid_t tid, std::optional<int> first_stop, bool halted) {
  if (control && first_stop) return control->handle(tid, *first_stop);
  const bool known = process_->find(tid) != nullptr;
  auto& tracee = process_->add(tid);
  if (!first_stop) {
    if (!known) tracee.is_new = true;
    return;
  }
  tracee.note_stop(*first_stop);
  if (!halted || borrows_memory_) run(tracee);
}

void Relative::halt() {
  if (control) {
    if (control->in_background()) control->halt();
    return;
  }
  if (borrows_memory_) return;
  for (auto& [tid, tracee] : process_->tracees())
    if (!tracee->stopped() && !tracee->in_vfork && !tracee->is_new && !tracee->interrupt_sent) tracee->interrupt();
}

size_t Relative::outstanding() {
  if (control) return control->in_background() ? control->outstanding() : 0;
  if (borrows_memory_) return 0;
  size_t count = 0;
  for (auto& [tid, tracee] : process_->tracees())
    if (!tracee->stopped() && !tracee->in_vfork) ++count;
  // A leader that has ended before the other threads never reports (ptrace(2), BUGS).
  auto* leader = process_->find(pid());
  if (count == 1 && leader && !leader->stopped() && process_->tracees().size() > 1 && is_zombie(pid())) {
    process_->remove(pid());
    return 0;
  }
  return count;
}

void Relative::go_on() {
  if (control) {
    if (control->in_background()) control->go_on_in_background();
    return;
  }
  std::vector<pid_t> stopped;
  for (auto& [tid, tracee] : process_->tracees())
    if (tracee->state() == ThreadState::kStopped && !tracee->in_vfork) stopped.push_back(tid);
  for (pid_t tid : stopped) {
    auto* tracee = process_->find(tid);
    if (!tracee) return;
    if (!job_stopped_ || tracee->delivery_signal() != 0) {
      run(*tracee);
      continue;
    }
    // Remote calls may have led it out of the stop that can listen; the next one comes at once, before anybody can see
    // it run.
    tracee->interrupt();
    if (tracee->resume(PTRACE_CONT, 0)) handle(tid, process_->waiter().wait_for(tid), false);
  }
}

void Relative::detach() {
  if (control) return control->detach();
  for (auto& [tid, tracee] : process_->tracees()) tracee->resume(PTRACE_DETACH, tracee->delivery_signal());
  process_->tracees().clear();
}

}  // namespace rollpoint::supervisor
