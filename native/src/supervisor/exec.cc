// The debuggee has replaced its program: what was known of the old one is forgotten.
#include "supervisor/run_control.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "supervisor/stop_facts.h"
#include "supervisor/word_size.h"

namespace rollpoint::supervisor {

using tracee::Tracee;

void RunControl::handle_exec(Tracee& tracee) {
  if (callbacks_.goes_on_elsewhere()) return;
  const int status = tracee.status();
  process_.reset_after_exec(event_message(process_.pid()));
  pending_.clear();
  breakpoints_.clear();
  callbacks_.exec_done();
  auto& survivor = process_.at(process_.pid());
  survivor.note_stop(status);
  arrive_in_new_program(survivor);
}

void RunControl::arrive_in_new_program(Tracee& survivor) {
  survivor.interrupt();
  survivor.resume(PTRACE_CONT, 0);
  const int next = process_.waiter().wait_for(survivor.tid());
  if (WIFEXITED(next) || WIFSIGNALED(next)) {
    handle_gone(survivor.tid(), next);
    return;
  }
  if (auto why = refusal(survivor.tid())) {
    callbacks_.log("The program has replaced itself by another one. " + *why + " It runs on without the debugger.");
    ptrace(PTRACE_DETACH, survivor.tid(), nullptr, nullptr);
    ended_ = true;
    running_ = false;
    process_.tracees().clear();
    callbacks_.ended({});
    return;
  }
  survivor.note_stop(next);
  if (background_) {
    if (!stopping_) go_on(survivor);
    return;
  }
  report({.reason = StopReason::kExec, .tid = survivor.tid(), .signal = SIGTRAP, .executable = process_.executable()});
}

}  // namespace rollpoint::supervisor
