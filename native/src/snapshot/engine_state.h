// What the parts of the engine share: the store, the tree, the twin, the tracker.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "memory/page_table.h"
#include "memory/pagemap.h"
#include "snapshot/dirty_tracker.h"
#include "snapshot/engine.h"
#include "snapshot/call_sites.h"
#include "snapshot/snapshot.h"
#include "snapshot/twin.h"
#include "util/background.h"

namespace rollpoint::snapshot {

/// Whether pages of the mapping are the process's own by being there: all but private file mappings, and shared
/// files that are only read, whose content is the file's.
bool owned_by_presence(const memory::Vma& vma);
/// Memory of a device, or of an object of the kernel: not to be read, and never to be written back.
bool is_device(const memory::Vma& vma);

class EngineState {
 public:
  EngineState(tracee::Process& traced, TrackerKind kind, Engine::Hooks given) : process(traced), tracker_kind(kind), hooks(std::move(given)) {}

  tracee::Process& process;
  TrackerKind tracker_kind;
  Engine::Hooks hooks;
  /// The file's contents are the journal's business, not memory's.
  bool in_journal(const memory::Vma& vma) const { return hooks.files->knows({vma.device, vma.inode}); }

  memory::PageStore store;
  memory::PageTablePool pool{store};
  std::map<SnapshotId, std::unique_ptr<Snapshot>> snapshots;
  /// Memory when the tracker was last armed: what `written since` is relative to. Outlives its snapshot.
  struct Baseline {
    memory::PageTable pages;
    util::RangeSet held;
  };
  std::optional<Baseline> baseline;
  /// The snapshot that the process stands on or has run on from; none when that was deleted without a parent.
  std::optional<SnapshotId> current;
  /// The process has run since it stood exactly on `current`.
  bool moved = true;
  /// A rollback has failed half-way, and there was no way back: the process is no state that it ever had.
  bool broken = false;
  size_t light_checks = 0;
  SnapshotId next_id = 1;

  std::unique_ptr<memory::Pagemap> pagemap;
  std::unique_ptr<DirtyTracker> tracker;
  std::unique_ptr<Twin> twin;
  /// See rebuild.h: of what is sent to the debuggee's group, and how it stood.
  bool twin_stands_aside = false, led_session = false;
  /// The process is another one than was captured: a thread may come back under any id.
  bool any_thread_id = false;
  tracee::WindowMemory window_memory;  // for the next window
  bool followed = true;  // of all processes of the session the first, that the user waits for
  bool in_focus = false;  // another that the debugger shows, or has shown
  std::shared_ptr<tracee::Window> window;
  /// Pages of the twin that the debuggee has overwritten since, as far as captures have seen: kept by it alone.
  uint64_t pages_only_in_twin();
  void note_overwritten(uint64_t page) { overwritten_since_.push_back(page); }
  /// Takes in what has been noted; not in the pause.
  void count_overwritten();
  CallSites call_sites;
  bool told_no_exit_site = false, told_no_file_site = false;

  /// Throws CodedError(kUnknownSnapshot).
  Snapshot& at(SnapshotId id);
  bool referenced(pid_t tid) const;

  /// Pages with content of the process's own are found in two ways. Over private file mappings the kernel must tell
  /// whose a page is. `written`: since the baseline; null for the first snapshot.
  util::RangeSet held_over_files(const std::vector<memory::Vma>& maps, const Written* written);
  /// Elsewhere presence tells. Long, and touches nothing else: may run beside the rest, with a pagemap of its own.
  /// What lies in `dense` is left out.
  static util::RangeSet held_elsewhere(const std::vector<memory::Vma>& maps, const util::RangeSet& dense, memory::Pagemap& pagemap);
  static util::RangeSet held_elsewhere(const std::vector<memory::Vma>& maps, const util::RangeSet& dense, const util::RangeSet& absent);
  /// Large ranges of private memory that were all there at the last arming: see DirtyTracker.
  util::RangeSet dense_ranges(const std::vector<memory::Vma>& maps) const;
  util::Background background;
  std::unique_ptr<memory::Pagemap> background_pagemap;
  /// Written since the baseline, with what an arming before a failed capture had already taken.
  Written collect(const std::vector<memory::Vma>& maps, const util::RangeSet& dense, DirtyTracker::Then then);
  /// Shared memory that may be written in other ways than at its place, where no tracker of ours looks: by other processes of
  /// the tree, at another place where it is mapped too, or as a file. Of that every page counts as written.
  std::vector<uint64_t> pages_in_common(const std::vector<memory::Vma>& maps) const;
  /// There are or were other processes in the tree.
  bool has_kin = false;
  /// Written pages of a capture that has not been completed.
  std::vector<uint64_t> carried;
  /// After a rollback: arms the tracker beside the caller, until `finish_arming`. The process stands until then, and
  /// nothing writes to its memory.
  void start_arming(std::vector<memory::Vma> maps);
  void finish_arming();
  /// Content of pages at a snapshot, 4096 bytes each, into `out`.
  void content(const memory::PageTable& table, std::span<const uint64_t> pages, std::byte* out);
  /// Room for kChunk pages: 0 for what is there, 1 for what is wanted.
  std::byte* chunk_buffer(int which);
  static constexpr size_t kChunk = 1024;
  /// Twin and tracker for a first snapshot; the tracker falls back where the kernel refuses.
  void begin();
  void make_tracker();
  const bool has_several_nodes = snapshot::has_several_nodes();
  /// The process is a new one, of which nothing is known yet.
  bool new_body = false;
  /// Beside whatever follows a capture, on a thread of its own. For a large memory it takes longer than a fork: a program that
  /// goes on at once does not wait for it, and what it advises meanwhile counts as the snapshot's. For others the next resume
  /// waits, see `await_short_attributes`. Before anybody looks at attributes or lets a snapshot go, `await_attributes`.
  /// `stood_still`: nothing has run since `before`. Those of `before` stand for them then, and where a look would be too long
  /// and nothing speaks for a change.
  void read_attributes_of(Snapshot& snapshot, const Snapshot* before, bool stood_still);
  void await_attributes();
  void await_short_attributes();
  /// Put back by a rollback that may not have come to its end.
  bool attributes_touched = false;
  /// The first snapshot, while its write tracking is not armed and `held` not known: see `settle`.
  std::optional<SnapshotId> unsettled;
  /// How long the last arming after a first snapshot or a rollback took, µs.
  double settle_micros = 0;
  /// No snapshot is left: lets the twin go. `stopped`: the process can run remote calls.
  void forget_base(bool stopped);

 private:
  std::optional<memory::PageTable> overwritten_;
  std::vector<uint64_t> overwritten_since_;
  uint64_t pages_only_in_twin_ = 0;
  bool arming_ = false, reads_attributes_ = false, reads_long_ = false;
  std::vector<std::byte> buffers_[2];
  std::vector<uint64_t> in_twin_;
  std::vector<size_t> in_twin_index_;
  std::vector<std::byte> twin_buffer_;
  util::Background attributes_thread_;  // last: it refers to the snapshots
};

}  // namespace rollpoint::snapshot
