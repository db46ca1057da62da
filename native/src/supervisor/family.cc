#include "supervisor/family.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/orphans.h"
#include "supervisor/stop_facts.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::Process;
using tracee::Tracee;

template <typename Visit>
void Family::for_each_tracee(Visit visit) {
  for (auto& [tid, tracee] : root_.tracees()) visit(*tracee);
  for (auto& [pid, relative] : relatives_)
    for (auto& [tid, tracee] : relative->process().tracees()) visit(*tracee);
}

Process* Family::process(pid_t pid) {
  if (pid == root_.pid()) return &root_;
  auto it = relatives_.find(pid);
  return it == relatives_.end() ? nullptr : &it->second->process();
}

std::shared_ptr<Relative> Family::owner(pid_t tid) {
  if (auto it = relatives_.find(tid); it != relatives_.end()) return it->second;
  for (auto& [pid, relative] : relatives_)
    if (relative->process().find(tid)) return relative;
  return nullptr;
}

void Family::handle(pid_t tid, int status) {
  const bool gone = WIFEXITED(status) || WIFSIGNALED(status);
  if (ignored_.contains(tid)) {
    if (gone) ignored_.erase(tid);
    return;
  }
  if (tid == root_.pid() || root_.find(tid)) {
    if (gone && tid == root_.pid()) bury_orphans();
    return links_.root_control->handle(tid, status);
  }
  if (auto relative = owner(tid)) {
    if (gone && tid == relative->pid()) bury_orphans();
    relative->handle(tid, status, halted_);
    if (auto it = relatives_.find(relative->pid()); !relative->alive() && it != relatives_.end() && it->second == relative) relatives_.erase(it);
    return;
  }
  if (gone) {
    early_.erase(tid);
    expected_.erase(tid);
  } else if (auto it = expected_.find(tid); it != expected_.end()) {
    const Expected expected = it->second;
    expected_.erase(it);
    welcome(tid, expected, status);
  } else if (is_thread_of(root_.pid(), tid)) {
    links_.root_control->handle(tid, status);
  } else {
    for (auto& [pid, relative] : relatives_)
      if (is_thread_of(pid, tid)) return relative->adopt_thread(tid, status, halted_);
    early_[tid] = status;  // a child whose parent has not reported it yet
  }
}

std::optional<int> Family::take_first_stop(pid_t tid) {
  auto node = early_.extract(tid);
  return node ? std::optional(node.mapped()) : std::nullopt;
}

void Family::child_born(Process& parent, pid_t maker, pid_t child, bool shares_memory) {
  const Expected expected{parent.pid(), maker, shares_memory};
  auto status = take_first_stop(child);
  // A thread that stopped, was let go and ended before its birth is told; or a child that was killed before it ran.
  if (!status && is_zombie(child)) return;
  had_children_ = true;
  // The child that is followed goes on where its parent stands: before that runs on to its next stop.
  if (!status && follows_children_ && !halted_ && !shares_memory && &parent == &process_in_focus()) {
    status = root_.waiter().wait_for(child);
    if (!WIFSTOPPED(*status)) return;
  }
  if (status) welcome(child, expected, *status);
  else expected_[child] = expected;
}

// It stands at its first stop.
void Family::welcome(pid_t child, const Expected& expected, int status) {
  Process* parent = process(expected.parent);
  bool shares = expected.shares_memory;
  const bool for_good = !shares && parent && share_memory(parent->pid(), child);
  Process* owner = parent ? &owner_of_memory(*parent) : nullptr;
  auto* control = owner ? control_of(*owner) : nullptr;
  if (for_good) {
    // clone(CLONE_VM) without CLONE_THREAD or CLONE_VFORK: bytes of ours that it meets would end it.
    sharers_.insert(child);
    if (control) control->breakpoints().withdraw_hidden(*owner);
  }
  if (!keep_ || (parent && traces_itself(*parent))) {
    if (for_good && control)
      control->log("Child process " + std::to_string(child) + " shares the program's memory (clone with CLONE_VM) and is not held: a breakpoint that it comes to ends it.");
    return let_go(parent, child, shares || for_good);
  }
  try {
    auto process = std::make_unique<Process>(child, false, root_.waiter());
    if (control && !shares && !for_good) control->breakpoints().withdraw_from_copy(process->memory());
    if (parent) process->scratch = parent->scratch;  // copied with the memory
    if (parent) process->runs_as(*parent);
    process->trace_options = root_.trace_options;
    auto relative = std::make_shared<Relative>(std::move(process), expected.parent, shares, calls());
    if (for_good) relative->set_shares_memory();
    relatives_[child] = relative;
    if (parent) {
      relative->known_as = name_of_maker(*parent, expected.maker);
      relative->program = parent == &root_ ? root_program_ : relatives_.at(parent->pid())->program;
      if (follows_children_ && parent == &process_in_focus()) follow_born(relative, *parent, expected.maker);
    }
    relative->adopt_thread(child, status, halted_);
  } catch (const util::SysError&) {
    // It was killed before it ran; its end is nobody's business.
    relatives_.erase(child);
  }
}

void Family::let_go(Process* parent, pid_t child, bool shares_memory) {
  if (auto* control = parent && !shares_memory ? control_of(owner_of_memory(*parent)) : nullptr) {
    try {
      memory::RemoteMemory copy(child);
      control->breakpoints().withdraw_from_copy(copy);
    } catch (const util::SysError&) {
      // It was killed before it ran.
    }
  }
  ptrace(PTRACE_DETACH, child, nullptr, nullptr);
}

Relative::Calls Family::calls() {
  return {.born =
              [this](Relative& relative, pid_t parent_tid, int event) {
                const pid_t child = event_message(parent_tid);
                if (event == PTRACE_EVENT_CLONE && is_thread_of(relative.pid(), child)) relative.adopt_thread(child, take_first_stop(child), halted_);
                else child_born(relative.process(), parent_tid, child, event == PTRACE_EVENT_VFORK);
              },
          .execed = [this](Relative& relative) { execed(relative); },
          .at_call = [this](Relative& relative, tracee::Tracee& tracee) { at_call_(relative.process(), tracee, tracee.registers().orig_rax); },
          .watches_calls = [this] { return static_cast<bool>(at_call_); },
          .met_breakpoint = [this](Relative& relative, tracee::Tracee& tracee) { return met_breakpoint(relative, tracee); },
          .lift_breakpoint = [this](Relative& relative, uint64_t address, bool out) { lift_breakpoint(relative, address, out); }};
}

// Another program from here on: what was captured of the one before stays with its own object.
void Family::execed(Relative& before) {
  const pid_t pid = before.pid();
  const int status = before.process().at(pid).status();
  auto process = std::make_unique<Process>(pid, false, root_.waiter());
  process->trace_options = before.process().trace_options;
  auto after = std::make_shared<Relative>(std::move(process), before.parent(), false, calls());
  before.process().tracees().clear();
  relatives_[pid] = after;
  after->known_as = before.known_as;
  after->program = ++last_program_;
  auto& tracee = after->process().add(pid);
  tracee.note_stop(status);
  if (before.control) before.control->retire();
  if (focus_.get() == &before || (before.to_follow && !halted_)) {
    auto& former = control_in_focus();
    auto& control = give_control(*after);
    const bool stays = focus_.get() == &before;
    focus_ = after;
    if (!stays) former.enter_background();
    control.enter_focus(true);
    if (!stays) tell_focus("The debugger follows process " + std::to_string(pid) + ".", true);
    shown_program_ = after->program;
    return control.arrive_in_new_program(tracee);
  }
  if (before.to_follow) new_focus_ = after;
  if (halted_) tracee.interrupt();
  tracee.resume(at_call_ && !halted_ ? PTRACE_SYSCALL : PTRACE_CONT, 0);
}

std::optional<int64_t> Family::next_wait_to_end() {
  std::optional<int64_t> next;
  for_each_tracee([&](Tracee& tracee) {
    const auto end = tracee.wait_to_end();
    if (end && (!next || *end < *next)) next = end;
  });
  return next;
}

void Family::end_waits() {
  const int64_t now = tracee::monotonic_now();
  for_each_tracee([&](Tracee& tracee) {
    if (const auto end = tracee.wait_to_end(); end && *end <= now) tracee.interrupt();
  });
}

bool Family::lends_memory() const {
  for (auto& [pid, relative] : relatives_) {
    if (relative->borrows_memory()) return true;
    for (auto& [tid, tracee] : relative->process().tracees())
      if (tracee->in_vfork || !tracee->stopped()) return true;
  }
  return false;
}

void Family::halt() {
  halted_ = true;
  if (links_.root_control->in_background()) links_.root_control->halt();
  for (auto& [pid, relative] : relatives_) relative->halt();
}

size_t Family::outstanding() {
  size_t count = expected_.size();
  if (links_.root_control->in_background()) count += links_.root_control->outstanding();
  for (auto& [pid, relative] : relatives_) count += relative->outstanding();
  return count;
}

void Family::halted() {
  if (links_.root_control->in_background()) links_.root_control->halted();
  for (auto& [pid, relative] : relatives_)
    if (relative->control && relative->control->in_background()) relative->control->halted();
}

void Family::go_on() {
  halted_ = false;
  if (links_.root_control->in_background()) links_.root_control->go_on_in_background();
  for (auto& [pid, relative] : relatives_) relative->go_on();
  std::erase_if(relatives_, [](auto& entry) { return !entry.second->alive(); });
}

void Family::kill(Relative& relative) {
  const pid_t pid = relative.pid();
  ::kill(pid, SIGKILL);
  std::vector<pid_t> others;
  for (auto& [tid, tracee] : relative.process().tracees())
    if (tid != pid) others.push_back(tid);
  others.push_back(pid);
  for (pid_t tid : others) {
    try {
      while (WIFSTOPPED(root_.waiter().wait_for(tid))) {
        // A stop from before its end.
      }
    } catch (const util::SysError&) {
      // Its end was taken before.
    }
  }
  relative.process().tracees().clear();
  if (relative.control) relative.control->retire();
  relatives_.erase(pid);
}

void Family::kill_all() {
  while (!relatives_.empty()) kill(*std::shared_ptr(relatives_.begin()->second));
}

void Family::release_all() {
  for (auto& [pid, relative] : relatives_) {
    relative->stop_borrowing();
    if (relative->control) relative->control->enter_background();
  }
  focus_.reset();
  halt();
  while (outstanding()) {
    if (auto status = root_.waiter().wait()) handle(status->tid, status->status);
  }
  halted();
  for (auto& [pid, relative] : relatives_) {
    try {
      if (relative->engine) relative->engine->withdraw();
    } catch (const std::exception&) {
      // It is dying.
    }
    relative->detach();
  }
  relatives_.clear();
}

}  // namespace rollpoint::supervisor
