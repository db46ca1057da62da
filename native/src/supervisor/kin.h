// What run control of the followed process needs of the other processes of the session, and of who sorts out whose a
// task is. An interface, so that run control does not know how they are held.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>

#include "tracee/process.h"

namespace rollpoint::supervisor {

class Kin {
 public:
  virtual ~Kin() = default;

  /// Any status of any task of the session, ours included: it comes back to its owner.
  virtual void handle(pid_t tid, int status) = 0;
  /// Asks every other process to stop, and how many tasks of theirs have not yet.
  virtual void halt() = 0;
  virtual size_t outstanding() = 0;
  /// All have stopped.
  virtual void halted() = 0;
  /// Lets them run on.
  virtual void go_on() = 0;
  /// A child process of `parent`, whose thread `maker` made it. `shares_memory`: until it execs or ends (vfork).
  virtual void child_born(tracee::Process& parent, pid_t maker, pid_t child, bool shares_memory) = 0;
  /// The first stop of a task, where it came before its birth was told.
  virtual std::optional<int> take_first_stop(pid_t tid) = 0;
};

}  // namespace rollpoint::supervisor
