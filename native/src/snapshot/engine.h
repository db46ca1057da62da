// The snapshot engine: captures the stopped debuggee, rolls it back, keeps the tree of snapshots.
// Knows the process as data (threads, memory, remote calls); not how it is run and not who asks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "memory/maps.h"
#include "resources/files.h"
#include "resources/process_state.h"
#include "snapshot/relay_sites.h"
#include "snapshot/types.h"
#include "tracee/process.h"

namespace rollpoint::snapshot {

class EngineState;
struct Snapshot;
struct Differences;

class Engine {
 public:
  struct Hooks {
    /// A helper task was born that is not the debuggee's (the twin): its stops and its end concern nobody.
    std::function<void(pid_t)> task_born;
    std::function<void(std::string)> log;
    /// Snapshots that are gone, and why, in words.
    std::function<void(std::vector<SnapshotId>, std::string)> lost;
    /// What is known of files, by all processes of the session.
    std::shared_ptr<resources::FileJournal> files;
  };

  /// `followed`: the user waits for this process, and its threads may be parked; that costs some 40 MiB.
  Engine(tracee::Process& process, TrackerKind tracker, Hooks hooks, bool followed = true);
  ~Engine();

  /// All threads stopped. Throws CodedError (kUnsupported: seccomp, a vfork under way) or SysError.
  CaptureResult capture(const CaptureOptions& options);
  /// All threads stopped. `feasible`: `require_feasible` has just said so. Throws RollbackError.
  RollbackResult rollback(SnapshotId id, const resources::Place& place = {}, bool feasible = false);
  /// The snapshot that the process equals: it has not run since.
  std::optional<SnapshotId> stands_on() const;
  /// Throws RollbackError for what can be known to stand in the way; changes nothing.
  void require_feasible(SnapshotId id);
  /// What a rollback would not bring back, as far as that can be told before; one of kind "refused" says why there will
  /// be none. Streams are not looked at. Changes nothing.
  std::vector<Warning> foresee(SnapshotId id);
  /// The process object stands for another body: a new process, a copy of a relative of the one that was captured, whose
  /// memory may be anything. `former`: the id of the one before. To be followed by a rollback.
  void take_new_body(pid_t former);
  /// The process has been killed, and reaped: the snapshot that it stood on or had run on from, or else the newest, in a
  /// new process. Throws RollbackError, in words, where that cannot be.
  RebuildResult rebuild();
  /// A process that this one's state may name has another id.
  void note_renamed(pid_t from, pid_t to);
  const resources::ProcessState& state_of(SnapshotId id);
  /// To look at; changes nothing. All threads stopped.
  const Snapshot& look_at(SnapshotId id);
  /// Memory as it would read after a rollback: fewer than `size` bytes where it ended.
  size_t peek_memory(SnapshotId id, uint64_t address, std::byte* out, size_t size);
  Differences compare(SnapshotId from, SnapshotId to);
  void remove(SnapshotId id);
  std::vector<Difference> verify(SnapshotId id);
  Stats stats() const;
  /// The debuggee is about to run, or its memory to be written by the debugger.
  void note_resume();
  void note_write();
  /// It is not, or no longer, the only process of its tree.
  void note_kin();
  /// The debugger shows this process: its threads may be parked too.
  void take_focus();
  /// Makes room for the next capture; for when nobody waits.
  void prepare();

  /// Instructions worth a hidden breakpoint while snapshots exist: where a thread of this program ends, and with
  /// `of_program` where the program itself does. Logs once when that is nowhere to be found.
  std::vector<uint64_t> exit_sites(bool of_program);
  /// Mappings of shared anonymous memory: those of the snapshot, and those of the present.
  std::vector<memory::Vma> shared_memory(SnapshotId id) const;
  std::vector<memory::Vma> shared_memory() const;
  /// Where the program ends by itself, also while there is no snapshot.
  std::vector<uint64_t> end_sites();
  /// Where the program makes calls that change files; none when no snapshot is to bring contents back.
  std::vector<uint64_t> file_sites() const;
  RelaySites relay_sites() const;
  bool rewinds_files() const;
  const std::shared_ptr<resources::FileJournal>& files() const;
  bool has_snapshots() const;
  /// The thread stands at its exit. True: a snapshot may want it back, so it was parked.
  bool park_at_exit(tracee::Tracee& tracee);

  /// The address space is gone (exec): every snapshot with it. Returns their ids.
  std::vector<SnapshotId> abandon();
  /// Leaves nothing of ours inside the debuggee (detach).
  void withdraw();

 private:
  std::unique_ptr<EngineState> state_;
};


}  // namespace rollpoint::snapshot
