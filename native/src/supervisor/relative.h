// A process of the tree below the first: it runs free while the one in focus runs, and stops with it. One object for one
// program image: a process that execs goes on as another. Once it has been in focus, run control has it. Knows nothing of
// snapshots beyond owning their engine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "snapshot/engine.h"
#include "supervisor/kin.h"
#include "supervisor/run_control.h"
#include "tracee/process.h"
#include "tracee/program_space.h"

namespace rollpoint::supervisor {

class Relative {
 public:
  struct Calls {
    std::function<void(Relative&, pid_t parent_tid, int event)> born;
    std::function<void(Relative&)> execed;
    /// It stands before a system call; asked for by `watches_calls`.
    std::function<void(Relative&, tracee::Tracee&)> at_call;
    std::function<bool()> watches_calls;
    /// A trap in shared memory: a breakpoint of the debugger's, which concerns nobody here? The thread stands before it then.
    std::function<bool(Relative&, tracee::Tracee&)> met_breakpoint;
    /// Takes the breakpoint at the address out, for a single step, or puts it back.
    std::function<void(Relative&, uint64_t address, bool out)> lift_breakpoint;
  };

  Relative(std::unique_ptr<tracee::Process> process, pid_t parent, bool borrows_memory, Calls calls)
      : process_(std::move(process)), parent_(parent), borrows_memory_(borrows_memory), calls_(std::move(calls)) {}

  tracee::Process& process() { return *process_; }
  pid_t pid() const { return process_->pid(); }
  /// Its real parent, where that is of the tree.
  pid_t parent() const { return parent_; }
  void set_parent(pid_t pid) { parent_ = pid; }
  /// Since a vfork: runs on while the others stand, since its parent stands until it is done.
  bool borrows_memory() const { return borrows_memory_; }
  /// It is to stop like any other.
  void stop_borrowing() { borrows_memory_ = false; }
  /// The thread that made it, as the debugger knows that: while this one is in focus, its first thread has that name.
  pid_t known_as = 0;
  /// Processes of the same number run the same program, loaded at the same addresses.
  uint64_t program = 0;
  /// It borrows memory, and comes into focus when it execs.
  bool to_follow = false;
  /// Its memory is its parent's for good (clone with CLONE_VM): it has no snapshots of its own.
  bool shares_memory() const { return shares_memory_; }
  void set_shares_memory() { shares_memory_ = true; }
  bool alive() const { return !process_->tracees().empty(); }
  /// Stopped by a signal (job control), for whom it may concern.
  bool job_stopped() const { return job_stopped_; }
  void set_job_stopped(bool value) { job_stopped_ = value; }

  /// A status of one of its threads, or of one that turns out to be.
  void handle(pid_t tid, int status, bool halted);
  void adopt_thread(pid_t tid, std::optional<int> first_stop, bool halted);
  void halt();
  size_t outstanding();
  void go_on();
  /// Stopped as a whole: nothing of ours is left in it.
  void detach();

  /// Since it first was in focus.
  std::unique_ptr<RunControl> control;
  /// Made with its first snapshot.
  std::unique_ptr<snapshot::Engine> engine;
  /// Of its program; read with the first snapshot.
  tracee::ProgramSpace space;

 private:
  void run(tracee::Tracee& tracee);
  void handle_stop(tracee::Tracee& tracee, bool halted);
  bool steps_over_breakpoint(tracee::Tracee& tracee, bool halted);
  bool has_stepped(pid_t tid);

  std::unique_ptr<tracee::Process> process_;
  pid_t parent_;
  bool borrows_memory_;
  bool job_stopped_ = false, shares_memory_ = false;
  Calls calls_;
  std::map<pid_t, uint64_t> over_;  // threads on a single step over a breakpoint, and where that was taken out
};

}  // namespace rollpoint::supervisor
