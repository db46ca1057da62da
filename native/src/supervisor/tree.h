// Snapshots of the whole process tree: the root and every descendant, each with its own engine, under the id that the
// root's engine gives. Knows which processes belong to a snapshot; how one is captured is the engine's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/saved_thread.h"
#include "supervisor/family.h"
#include "supervisor/process_stat.h"

namespace rollpoint::supervisor {

/// What a snapshot keeps of a descendant, besides what its engine keeps.
struct Member {
  std::shared_ptr<Relative> relative;
  snapshot::SnapshotId id = 0;  // of its own engine
  pid_t id_inside = 0;
  ProcessStat stat;  // parent: 0 where it is none of the tree
  bool job_stopped = false;
  bool stop_was_told = false;  // its parent has waited for that
};

/// A process that had ended, and for which its parent had not waited.
struct Zombie {
  pid_t pid = 0, id_inside = 0;
  ProcessStat stat;
};

/// One that has no memory of its own: what it did goes back with its parent's memory.
struct Sharer {
  std::shared_ptr<Relative> relative;
  std::map<pid_t, snapshot::SavedThread> threads;
};

struct TreeSnapshot {
  std::vector<Member> members;  // parents before their children
  std::vector<Zombie> zombies;
  std::vector<Sharer> sharers;
  std::shared_ptr<Relative> focus;  // nullptr: the root
  resources::Streams streams;

  bool holds(const Relative& relative) const;
};

class Tree {
 public:
  Tree(Family& family, snapshot::Engine& root, snapshot::TrackerKind tracker, std::function<void(std::string)> log)
      : family_(family), root_(root), tracker_(tracker), log_(std::move(log)) {}

  /// As of snapshot::Engine, for all processes together.
  snapshot::CaptureResult capture(const snapshot::CaptureOptions& options);
  snapshot::RollbackResult rollback(snapshot::SnapshotId id);
  /// As of snapshot::Engine; its children, whose parent is another process now, are made anew too.
  snapshot::RebuildResult rebuild();
  std::vector<snapshot::Difference> verify(snapshot::SnapshotId id);
  /// What has passed out of the tree since: no rollback takes it back.
  std::vector<snapshot::Warning> passed_outside(snapshot::SnapshotId id);
  /// What a rollback would not bring back, as far as that can be told before it; kind "refused": there would be none.
  std::vector<snapshot::Warning> foresee(snapshot::SnapshotId id);
  /// The process that the debugger showed then; nullptr: the root.
  std::shared_ptr<Relative> focus_of(snapshot::SnapshotId id) const;
  /// Of that process: its engine, and what the snapshot is called there.
  std::pair<snapshot::Engine*, snapshot::SnapshotId> shown_at(snapshot::SnapshotId id) const;
  void remove(snapshot::SnapshotId id);
  snapshot::Stats stats() const;
  void note_resume();
  void prepare();
  /// The followed one's snapshots are gone.
  void abandon() { snapshots_.clear(); }

 private:
  Member capture_member(const std::shared_ptr<Relative>& relative, const snapshot::CaptureOptions& options, snapshot::CaptureResult& result);
  Sharer capture_sharer(const std::shared_ptr<Relative>& relative);
  void foresee_children(const TreeSnapshot& wanted, std::vector<snapshot::Warning>& left);
  /// All go back to `refuge`, where they have not run since that; throws RollbackError.
  [[noreturn]] void fail(snapshot::SnapshotId id, std::optional<snapshot::SnapshotId> refuge, const std::string& name, const std::exception& error);
  void restore_sharers(const TreeSnapshot& wanted, snapshot::RollbackResult& result);
  std::vector<std::shared_ptr<Relative>> parents_first() const;
  std::vector<Zombie> zombies();
  /// Shared anonymous memory that its processes had in common and do not any more, in words.
  std::vector<std::string> memory_parted(snapshot::SnapshotId id, const TreeSnapshot& tree);
  static std::vector<std::string> orphaned(const TreeSnapshot& wanted);
  void end_surplus(const TreeSnapshot& wanted);
  /// Who is there again, and not yet what it was.
  std::set<const Relative*> bring_back(TreeSnapshot& wanted, snapshot::RollbackResult& result);
  /// As tracee::take_program_space.
  bool embody(const Member& member, tracee::Process& parent, pid_t born);
  void give_up(Relative& relative);
  /// `born` is there; ended ones of any snapshot that had its id have another name from here on.
  void free_name(pid_t born);
  /// In every snapshot.
  void rename(pid_t from, pid_t to);
  /// Adds to `result`; returns its own.
  snapshot::RollbackResult restore_member(const Member& member, const resources::Place& place, snapshot::RollbackResult& result);
  /// The followed process and the members that live, with the tables of the snapshot.
  std::vector<resources::Holder> holders(snapshot::SnapshotId id, const TreeSnapshot& tree);

  Family& family_;
  snapshot::Engine& root_;
  snapshot::TrackerKind tracker_;
  std::function<void(std::string)> log_;
  std::map<snapshot::SnapshotId, TreeSnapshot> snapshots_;
  bool broken_ = false;  // a rollback has failed half-way, in a process below the root
};

}  // namespace rollpoint::supervisor
