// The one thread that makes ptrace calls: takes work from a queue, waits for tracees, hands out events.
// Joins run control and the snapshot engine. Knows nothing of JavaScript and of gdb.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "snapshot/engine.h"
#include "supervisor/family.h"
#include "supervisor/launch.h"
#include "supervisor/run_control.h"
#include "supervisor/tree.h"

namespace rollpoint::supervisor {

struct SnapshotsLost {
  std::vector<snapshot::SnapshotId> ids;
  std::string message;
};
/// The program was killed, and a snapshot of it stands in a new process. To whoever debugs it nothing else has changed.
struct Revived {
  pid_t pid;  // of the new process
  snapshot::RebuildResult result;
};
struct LogLine {
  std::string message;
};
struct Event {
  pid_t pid = 0;
  std::variant<Stop, End, SnapshotsLost, Revived, FocusChange, LogLine> what;
};

struct ThreadInfo {
  pid_t tid;
  std::string name;
  int core;
};

class Supervisor {
 public:
  /// `keep_children`: processes that the debuggee starts are stopped, captured and rolled back with it.
  Supervisor(snapshot::TrackerKind tracker, bool keep_children, std::function<void(Event)> sink);
  /// Kills a launched debuggee with all that it started, detaches from an attached one, ends the thread.
  ~Supervisor();

  /// From any thread; runs on the supervisor thread in the order posted.
  void post(std::function<void()> work);
  /// From any thread, without a wait: memory of the stopped process, read by the caller while the supervisor thread waits
  /// for work. Bytes read; nullopt when it has something to do or the process runs: then `post` tells.
  std::optional<size_t> read_at_rest(uint64_t address, void* buffer, size_t size);

  // Everything below runs on the supervisor thread only.
  pid_t start(const LaunchRequest& request);
  pid_t attach(pid_t pid);
  void detach();
  void kill();
  std::vector<ThreadInfo> threads();
  void resume(const std::vector<ResumeAction>& actions);
  void interrupt();
  /// Whether a program that ends by itself is stopped before it does, while there are snapshots. At first it is not.
  void hold_at_exit(bool on) { hold_at_exit_ = on; }
  /// Whether the debugger goes with each process that the one in focus starts. At first it does not.
  void follow_children(bool on);
  /// It goes to this process of the tree, all stopped.
  void follow(pid_t pid);

  /// The one in focus. Throws CodedError(kNoProcess) when nothing is being debugged.
  tracee::Process& process();
  /// Throws also when it runs (kNotStopped).
  tracee::Process& stopped_process();
  tracee::Tracee& stopped_thread(pid_t tid);
  Breakpoints& breakpoints();
  /// Snapshots; throws as stopped_process().
  Tree& snapshots();
  /// Of the followed process alone, to look at its snapshots; throws likewise.
  std::pair<snapshot::Engine*, snapshot::SnapshotId> shown_at(snapshot::SnapshotId id);
  /// The debugger is about to write memory.
  void note_write();
  /// After a rollback: stops noted before it belong to another present.
  snapshot::RollbackResult rollback(snapshot::SnapshotId id);
  snapshot::CaptureResult capture(const snapshot::CaptureOptions& options);

 private:
  void run();
  bool run_queued();
  void adopt(std::unique_ptr<tracee::Process> process);
  void end_of(const End& end);
  void tell_end(const End& end, std::string what_of_snapshots);
  void finish();
  bool revive();
  void prepare_later();
  std::vector<uint64_t> end_sites();
  void await_vforks();
  void release();
  RunControl& control() { return family_->control_in_focus(); }
  RunControl::Callbacks callbacks_for(Relative& relative, pid_t pid);
  void emit(Event event) { sink_(std::move(event)); }

  snapshot::TrackerKind tracker_;
  bool keep_children_;
  std::function<void(Event)> sink_;
  tracee::Waiter waiter_;
  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;
  bool quit_ = false;  // under mutex_
  std::mutex at_work_;  // held by the supervisor thread except while it waits

  bool hold_at_exit_ = false, follow_children_ = false;
  pid_t first_pid_ = 0;           // names the debuggee in events, also after it has come back in another process
  bool ending_ = false;           // it is we who kill
  std::optional<End> to_revive_;  // killed by somebody else, with snapshots
  std::unique_ptr<tracee::Process> process_;  // the root
  std::unique_ptr<Family> family_;
  std::unique_ptr<RunControl> control_;
  std::unique_ptr<snapshot::Engine> engine_;
  std::unique_ptr<Tree> tree_;
  std::thread thread_;
};

}  // namespace rollpoint::supervisor
