// Tasks born of the debuggee: threads are adopted, child processes let go clean of our bytes.
#include "supervisor/run_control.h"

#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/stop_facts.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::RunMode;
using tracee::Tracee;

void RunControl::handle_new_task(pid_t parent, int event) {
  const pid_t child = event_message(parent);
  if (event == PTRACE_EVENT_CLONE && is_thread_of(process_.pid(), child)) {
    adopt_thread(child);
    return;
  }
  const bool shares = event == PTRACE_EVENT_VFORK;
  if (shares) {
    process_.at(parent).in_vfork = true;
    // The child runs in the same memory, untraced: it must not meet our bytes.
    breakpoints_.withdraw(process_);
  }
  release_child(child, shares);
}

void RunControl::adopt_thread(pid_t tid) {
  auto it = early_.find(tid);
  const bool known = process_.find(tid) != nullptr;
  auto& tracee = process_.add(tid);
  if (tracee.mode == RunMode::kHold) tracee.mode = RunMode::kContinue;
  if (it == early_.end()) {
    // Already known: its first stop came before its parent's event, and it has been let go since. It must get an
    // interrupt like any other when all are stopped.
    if (!known) tracee.is_new = true;
    return;
  }
  const int status = it->second;
  early_.erase(it);
  tracee.note_stop(status);
  tracee.is_new = true;
  if (running_ && !stopping_) go_on(tracee);
}

void RunControl::release_child(pid_t child, bool shares_memory) {
  if (!early_.erase(child)) {
    awaited_[child] = shares_memory;
    return;
  }
  // clone(CLONE_VM) without CLONE_THREAD or CLONE_VFORK: taking our bytes out would take them from the debuggee too.
  shares_memory = shares_memory || syscall(SYS_kcmp, process_.pid(), child, KCMP_VM, 0, 0) == 0;
  if (!shares_memory) {
    try {
      memory::RemoteMemory copy(child);
      breakpoints_.withdraw_from_copy(copy);
    } catch (const util::SysError&) {
      // It was killed before it ran.
    }
  }
  ptrace(PTRACE_DETACH, child, nullptr, nullptr);
}

}  // namespace rollpoint::supervisor
