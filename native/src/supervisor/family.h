// All processes of the session: the followed one and its descendants. Sorts out whose a task is, keeps the descendants
// running and stopped with the followed one. Knows nothing of what a snapshot is.
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

class Family : public Kin {
 public:
  /// `keep`: descendants are traced; else they are let go at birth, clean of our bytes.
  Family(tracee::Process& root, bool keep) : root_(root), keep_(keep) {}
  /// Once, before the first status.
  void follow(RunControl& control) { control_ = &control; }

  using AtCall = std::function<void(tracee::Process&, tracee::Tracee&)>;
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
  /// A child has the followed one's memory for good: bytes of ours in the code would end it.
  bool shares_memory();
  /// The program may have children at all.
  bool had_children() const { return had_children_; }

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
  void go_on() override;
  void child_born(tracee::Process& parent, pid_t child, bool shares_memory) override;
  std::optional<int> take_first_stop(pid_t tid) override;

 private:
  struct Expected {
    pid_t parent;
    bool shares_memory;
  };
  void welcome(pid_t child, const Expected& expected, int status);
  void let_go(tracee::Process* parent, pid_t child, bool shares_memory);
  bool traces_itself(const tracee::Process& process);
  std::string why_a_stranger(const tracee::Process& parent, pid_t child);
  Relative::Calls calls();
  void execed(Relative& relative);
  std::shared_ptr<Relative> owner(pid_t tid);

  tracee::Process& root_;
  bool keep_;
  RunControl* control_ = nullptr;
  AtCall at_call_;
  bool halted_ = false, had_children_ = false;
  std::map<pid_t, std::shared_ptr<Relative>> relatives_;
  std::map<pid_t, int> early_;           // a task's first stop that came before its birth was told
  std::map<pid_t, Expected> expected_;   // the other way round
  std::set<pid_t> ignored_, sharers_;
  std::map<std::string, bool> tracers_;  // executables; whether they trace processes themselves
};

}  // namespace rollpoint::supervisor
