// Children that have their parent's memory for good: clone(CLONE_VM) without CLONE_VFORK and CLONE_THREAD. The debugger's
// breakpoints stand there for the parent, and they pass them.
#include <signal.h>

#include <algorithm>

#include "supervisor/family.h"
#include "supervisor/stop_facts.h"

namespace rollpoint::supervisor {

using tracee::Process;
using tracee::Tracee;

bool Family::shares_memory(const Process& process) {
  std::erase_if(sharers_, [](pid_t child) { return ::kill(child, 0) != 0; });
  return std::any_of(sharers_.begin(), sharers_.end(), [&](pid_t child) { return share_memory(process.pid(), child); });
}

Process& Family::owner_of_memory(Process& process) {
  auto it = relatives_.find(process.pid());
  if (it == relatives_.end() || !it->second->shares_memory()) return process;
  auto* parent = this->process(it->second->parent());
  return parent && share_memory(parent->pid(), process.pid()) ? owner_of_memory(*parent) : process;
}

bool Family::met_breakpoint(Relative& relative, Tracee& tracee) {
  const uint64_t address = tracee.pc() - 1;
  auto* control = is_breakpoint_code(tracee) ? control_of(owner_of_memory(relative.process())) : nullptr;
  if (!control || !control->breakpoints().stood_at(address)) return false;
  tracee.set_pc(address);
  return true;
}

void Family::lift_breakpoint(Relative& relative, uint64_t address, bool out) {
  auto& owner = owner_of_memory(relative.process());
  auto* control = control_of(owner);
  if (!control) return;
  auto& breakpoints = control->breakpoints();
  if (out) return breakpoints.lift(owner, address);
  // They all are out of memory while a child has borrowed it (vfork).
  const bool lent = std::any_of(owner.tracees().begin(), owner.tracees().end(), [](auto& entry) { return entry.second->in_vfork; });
  if (breakpoints.wanted_at(address) && control->running() && !lent) breakpoints.lower(owner, address);
}

}  // namespace rollpoint::supervisor
