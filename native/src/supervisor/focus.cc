// Which process of the session is in focus: the one that the debugger shows, whose stops are told and where its breakpoints
// stand. It begins with the root, goes to a child that is followed, and comes back when that has ended.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "supervisor/family.h"
#include "supervisor/process_stat.h"

namespace rollpoint::supervisor {

using tracee::Process;

namespace {
std::string process_name(pid_t pid) { return "process " + std::to_string(pid); }
}  // namespace

RunControl* Family::control_of(const Process& process) {
  if (&process == &root_) return links_.root_control;
  for (auto& [pid, relative] : relatives_)
    if (&relative->process() == &process) return relative->control.get();
  return nullptr;
}

RunControl& Family::give_control(Relative& relative) {
  if (!relative.control) {
    auto callbacks = links_.callbacks(relative);
    callbacks.ended = [this, &relative](const End& end) { focus_ended(relative, end); };
    callbacks.goes_on_elsewhere = [this, &relative] {
      execed(relative);
      return true;
    };
    callbacks.watches_calls = [this] { return static_cast<bool>(at_call_); };
    callbacks.at_call = [this, &relative](tracee::Tracee& tracee, uint64_t number) { at_call_(relative.process(), tracee, number); };
    relative.control = std::make_unique<RunControl>(relative.process(), *this, std::move(callbacks));
    relative.control->enter_background();
  }
  if (relative.engine) relative.engine->take_focus();
  return *relative.control;
}

pid_t Family::name_of_maker(Process& parent, pid_t maker) {
  auto it = relatives_.find(parent.pid());
  return it != relatives_.end() && maker == parent.pid() && it->second->known_as ? it->second->known_as : maker;
}

void Family::root_execed() {
  root_program_ = ++last_program_;
  if (!focus_) shown_program_ = root_program_;
}

void Family::tell_focus(const std::string& why, bool program_is_told) {
  auto& process = process_in_focus();
  const bool is_new = !program_is_told && program_in_focus() != shown_program_;
  shown_program_ = program_in_focus();
  links_.focus_changed({process.pid(), process.pid(), focus_ && focus_->known_as ? focus_->known_as : process.pid(), is_new ? process.executable() : "", why});
}

// It stands at its first stop, and its parent runs, unless all are being stopped just then.
void Family::follow_born(const std::shared_ptr<Relative>& relative, Process& parent, pid_t maker) {
  if (relative->shares_memory()) return;
  if (relative->borrows_memory()) {
    relative->to_follow = true;
    return;
  }
  if (halted_) {
    new_focus_ = relative;
    return;
  }
  auto& from = control_in_focus();
  auto& to = give_control(*relative);
  // To the debugger the thread goes on; it has only become another process.
  auto& first = relative->process().add(relative->pid());
  if (auto* like = parent.find(maker)) {
    first.mode = like->mode;
    first.range_start = like->range_start;
    first.range_end = like->range_end;
  }
  from.breakpoints().hand_over(to.breakpoints());
  focus_ = relative;
  from.enter_background();
  to.enter_focus(true);
  tell_focus("The debugger follows " + process_name(relative->pid()) + ", which " + process_name(parent.pid()) + " has started.", true);
}

void Family::focus_on(std::shared_ptr<Relative> relative, const std::string& why, bool program_is_told) {
  if (relative == focus_) return;
  auto& from = control_in_focus();
  auto& to = relative ? give_control(*relative) : *links_.root_control;
  const bool same = (relative ? relative->program : root_program_) == program_in_focus();
  if (same) from.breakpoints().hand_over(to.breakpoints());
  from.enter_background();
  focus_ = std::move(relative);
  to.enter_focus(false);
  tell_focus(why, program_is_told);
}

void Family::begin_rollback() {
  auto& from = control_in_focus();
  from.breakpoints().hand_over(shelf_);
  from.enter_background();
  new_focus_.reset();
}

void Family::end_rollback(std::shared_ptr<Relative> in_focus, pid_t tid) {
  if (in_focus && !can_be_in_focus(*in_focus)) in_focus.reset();
  const auto before = std::exchange(focus_, in_focus);
  auto& to = focus_ ? give_control(*focus_) : *links_.root_control;
  if (program_in_focus() == shown_program_) shelf_.hand_over(to.breakpoints());
  else shelf_.clear();
  to.enter_focus(false);
  links_.root_control->forget_pending(focus_ ? 0 : tid);
  for (auto& [pid, relative] : relatives_)
    if (relative->control) relative->control->forget_pending(relative == focus_ ? tid : 0);
  if (before != focus_) tell_focus("The debugger is with " + process_name(process_in_focus().pid()) + " again.", false);
  else if (focus_) tell_focus("", false);  // it may have another number
}

void Family::take_new_focus() {
  const auto relative = std::exchange(new_focus_, nullptr);
  if (!relative || !can_be_in_focus(*relative)) return;
  relative->halt();
  while (relative->alive() && relative->outstanding()) {
    if (auto status = root_.waiter().wait()) handle(status->tid, status->status);
  }
  if (!relative->alive()) return;
  const bool is_new = relative->program != shown_program_;
  focus_on(relative, "The debugger follows " + process_name(relative->pid()) + ".", true);
  if (is_new) control_in_focus().owe({.reason = StopReason::kExec, .tid = relative->pid(), .signal = SIGTRAP, .executable = relative->process().executable()});
}

bool Family::root_waits() {
  if (!focus_ || !focus_->alive()) return false;
  tell_focus("The program's first process (" + std::to_string(root_.pid()) + ") has come to its end, and stays there until " + process_name(focus_->pid()) + " has ended, which the debugger follows.", true);
  return true;
}

void Family::tell_who_runs_on() {
  if (focus_ && focus_->alive())
    tell_focus("The program's first process has ended, and the session ends with it: " + process_name(focus_->pid()) + ", which the debugger followed, runs on without it.", true);
}

void Family::focus_ended(const Relative& relative, const End& end) {
  if (focus_.get() != &relative) return;
  const pid_t pid = relative.pid();
  const pid_t maker = relative.known_as;
  const bool was_running = relative.control->was_running();
  std::shared_ptr<Relative> next;
  if (auto it = relatives_.find(relative.parent()); it != relatives_.end() && can_be_in_focus(*it->second)) next = it->second;
  auto& to = next ? give_control(*next) : *links_.root_control;
  if ((next ? next->program : root_program_) == relative.program) relative.control->breakpoints().hand_over(to.breakpoints());
  focus_ = next;
  auto& process = process_in_focus();
  const std::string how = end.killed ? "was ended by signal " + std::to_string(end.code) : "has exited with code " + std::to_string(end.code);
  const bool is_new = program_in_focus() != shown_program_;
  tell_focus("Process " + std::to_string(pid) + ", which the debugger followed, " + how + "; the debugger is with " + process_name(process.pid()) + " again.", true);
  Stop stop{.reason = StopReason::kFollowed, .tid = 0, .signal = SIGTRAP, .executable = is_new ? process.executable() : ""};
  for (auto& [tid, tracee] : process.tracees())
    if (!tracee->parked() && (!stop.tid || tid == maker || (tid == process.pid() && stop.tid != maker))) stop.tid = tid;
  // It waited for no longer than the child had its memory, though it has not told yet (PTRACE_EVENT_VFORK_DONE).
  if (auto* thread = process.find(stop.tid)) thread->in_vfork = false;
  to.enter_focus(was_running);
  if (was_running) to.stop_for(stop);
  else to.owe(stop);
}

}  // namespace rollpoint::supervisor
