// All processes of the session: the first one, the root, and its descendants. Sorts out whose a task is, which of them is
// in focus (the one that the debugger shows), and keeps the others running and stopped with that. Knows nothing of what a
// snapshot is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "supervisor/kin.h"
#include "supervisor/relative.h"
#include "supervisor/run_control.h"

namespace rollpoint::supervisor {

/// Another process is in focus.
struct FocusChange {
  pid_t pid = 0;
  /// Its first thread, and what the debugger knows that as.
  pid_t tid = 0, known_as = 0;
  /// Where the debugger has still to be shown another program than it was last: the path of that.
  std::string executable;
  std::string message;
};

class Family : public Kin {
 public:
  /// `keep`: descendants are traced; else they are let go at birth, clean of our bytes.
  Family(tracee::Process& root, bool keep) : root_(root), keep_(keep) {}
  struct Links {
    RunControl* root_control = nullptr;
    /// For a descendant that comes into focus.
    std::function<RunControl::Callbacks(Relative&)> callbacks;
    std::function<void(const FocusChange&)> focus_changed;
  };
  /// Once, before the first status.
  void link(Links links) { links_ = std::move(links); }

  /// Whether a process that is born of the one in focus comes into focus itself.
  void follow_children(bool on) { follows_children_ = on; }
  bool follows_children() const { return follows_children_; }
  /// nullptr: the root.
  const std::shared_ptr<Relative>& focus() const { return focus_; }
  tracee::Process& process_in_focus() { return focus_ ? focus_->process() : root_; }
  RunControl& control_in_focus() { return focus_ ? *focus_->control : *links_.root_control; }
  bool can_be_in_focus(const Relative& relative) const { return relative.alive() && !relative.shares_memory() && !relative.borrows_memory(); }
  /// All stopped: another one is in focus. The debugger is told, and has to be shown.
  void focus_on(std::shared_ptr<Relative> relative, const std::string& why, bool program_is_told = false);
  /// Around a rollback, in which any of them may go: nobody is in focus, but the root in name.
  void begin_rollback();
  void end_rollback(std::shared_ptr<Relative> in_focus, pid_t tid);
  /// All stopped, before a resume of all: one that was born while they were being stopped comes into focus.
  void take_new_focus();
  void root_execed();
  /// The root is about to end. True: the debugger is with another process, whose session goes on; it waits, and that is told.
  bool root_waits();
  /// The root has ended all the same: tells of the one that is in focus.
  void tell_who_runs_on();

  using AtCall = std::function<void(tracee::Process&, tracee::Tracee&, uint64_t number)>;
  /// From the next run on, for each system call of a descendant, before it is made; empty: none is looked at.
  void watch_calls(AtCall at_call) { at_call_ = std::move(at_call); }

  bool keeps_children() const { return keep_; }
  tracee::Process& root() { return root_; }
  const std::map<pid_t, std::shared_ptr<Relative>>& relatives() const { return relatives_; }
  /// Of a live process of the tree, the followed one included; nullptr where there is none.
  tracee::Process* process(pid_t pid);
  /// A task of ours that is nobody's (a twin): its exits and stops are no one's business.
  void ignore_task(pid_t tid) { ignored_.insert(tid); }

  /// Once, all threads of the followed process stopped: children that it has already are stopped and held too, as far as
  /// the kernel lets us.
  void adopt_living();
  /// Child processes that are not held and run on, each with the reason in words. Zombies and tasks of ours are none.
  std::map<pid_t, std::string> strangers();
  /// A child has this one's memory for good: bytes of ours that no debugger asked for would end it.
  bool shares_memory(const tracee::Process& process);
  /// The program may have children at all.
  bool had_children() const { return had_children_; }

  /// When we have to end the wait of some thread, see Tracee::wait_to_end().
  std::optional<int64_t> next_wait_to_end();
  /// Each whose time is over.
  void end_waits();

  /// Some descendant waits for a child that has borrowed its memory, or is such a child.
  bool lends_memory() const;
  /// It is there again, stopped.
  void enroll(std::shared_ptr<Relative> relative) { relatives_[relative->pid()] = std::move(relative); }
  /// SIGKILL, and its end is taken; its real parent has still to wait for it.
  void kill(Relative& relative);
  /// Whole: those that go on alone after the followed one has ended, or was let go.
  void release_all();
  void kill_all();

  void handle(pid_t tid, int status) override;
  void halt() override;
  size_t outstanding() override;
  void halted() override;
  void go_on() override;
  void child_born(tracee::Process& parent, pid_t maker, pid_t child, bool shares_memory) override;
  std::optional<int> take_first_stop(pid_t tid) override;

 private:
  struct Expected {
    pid_t parent, maker;
    bool shares_memory;
  };
  /// The one in focus has ended: its parent, or else the root, takes its place.
  void focus_ended(const Relative& relative, const End& end);
  RunControl* control_of(const tracee::Process& process);
  RunControl& give_control(Relative& relative);
  void follow_born(const std::shared_ptr<Relative>& relative, tracee::Process& parent, pid_t maker);
  void tell_focus(const std::string& why, bool program_is_told);
  uint64_t program_in_focus() const { return focus_ ? focus_->program : root_program_; }
  pid_t name_of_maker(tracee::Process& parent, pid_t maker);
  void welcome(pid_t child, const Expected& expected, int status);
  void let_go(tracee::Process* parent, pid_t child, bool shares_memory);
  bool traces_itself(const tracee::Process& process);
  /// Whose breakpoints stand in its memory: the one itself, or the one that a child for good (clone with CLONE_VM) shares it with.
  tracee::Process& owner_of_memory(tracee::Process& process);
  bool met_breakpoint(Relative& relative, tracee::Tracee& tracee);
  void lift_breakpoint(Relative& relative, uint64_t address, bool out);
  std::string why_a_stranger(const tracee::Process& parent, pid_t child);
  Relative::Calls calls();
  void execed(Relative& relative);
  std::shared_ptr<Relative> owner(pid_t tid);
  template <typename Visit>
  void for_each_tracee(Visit visit);

  tracee::Process& root_;
  bool keep_;
  Links links_;
  bool follows_children_ = false;
  std::shared_ptr<Relative> focus_, new_focus_;
  uint64_t root_program_ = 1, shown_program_ = 1, last_program_ = 1;
  Breakpoints shelf_;  // during a rollback
  AtCall at_call_;
  bool halted_ = false, had_children_ = false;
  std::map<pid_t, std::shared_ptr<Relative>> relatives_;
  std::map<pid_t, int> early_;           // a task's first stop that came before its birth was told
  std::map<pid_t, Expected> expected_;   // the other way round
  std::set<pid_t> ignored_, sharers_;
  std::map<std::string, bool> tracers_;  // executables; whether they trace processes themselves
};

}  // namespace rollpoint::supervisor
