// Tasks born of the debuggee: threads are adopted, child processes are somebody else's business.
#include "supervisor/run_control.h"

#include <sys/ptrace.h>

#include "supervisor/stop_facts.h"

namespace rollpoint::supervisor {

using tracee::RunMode;

void RunControl::handle_new_task(pid_t parent, int event) {
  const pid_t child = event_message(parent);
  if (event == PTRACE_EVENT_CLONE && is_thread_of(process_.pid(), child)) {
    adopt_thread(child, kin_.take_first_stop(child));
    return;
  }
  const bool shares = event == PTRACE_EVENT_VFORK;
  if (shares) {
    process_.at(parent).in_vfork = true;
    // The child runs in the same memory: it must not meet our bytes.
    breakpoints_.withdraw(process_);
  }
  kin_.child_born(process_, parent, child, shares);
}

void RunControl::adopt_thread(pid_t tid, std::optional<int> first_stop) {
  const bool known = process_.find(tid) != nullptr;
  auto& tracee = process_.add(tid);
  if (tracee.mode == RunMode::kHold) tracee.mode = RunMode::kContinue;
  if (!first_stop) {
    // Already known: its first stop came before its parent's event, and it has been let go since. It must get an
    // interrupt like any other when all are stopped.
    if (!known) tracee.is_new = true;
    return;
  }
  tracee.note_stop(*first_stop);
  tracee.is_new = true;
  if (running_ && breakpoints_.without_hidden()) breakpoints_.insert(process_);
  if (running_ && !stopping_) go_on(tracee);
}

}  // namespace rollpoint::supervisor
