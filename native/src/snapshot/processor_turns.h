// Where our threads run while the debuggee's run remote calls and copy pages. Knows nothing of what they do.
// With two processors the scheduler must not choose: it would start a long scan where the debuggee ran last, and let the
// debuggee wait for the end of it (a running task keeps its slice of some ms), or let two copy by turns on one processor.
#pragma once

#include <sched.h>

namespace rollpoint::snapshot {

class ProcessorTurns {
 public:
  /// `processor`: where the debuggee's calls run; negative where that is unknown.
  explicit ProcessorTurns(int processor);
  ~ProcessorTurns();
  ProcessorTurns(const ProcessorTurns&) = delete;

  /// From here on the caller waits for the debuggee's calls: on its processor, turn by turn.
  void take_turns();
  /// From here on the caller works while the debuggee does: on another one.
  void work_at_once();
  /// The caller runs wherever it did before.
  void end();
  /// For a thread that works beside both; `leave` when it has done.
  void join() const;
  void leave() const;

 private:
  void place(const cpu_set_t& set);

  cpu_set_t all_, one_, others_;
  bool matters_ = false, placed_ = false;
};

}  // namespace rollpoint::snapshot
