#include "snapshot/capture.h"

#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "snapshot/layout.h"
#include "snapshot/page_transfer.h"
#include "snapshot/processor_turns.h"
#include "snapshot/rebuild.h"
#include "snapshot/shared_memory.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::PageId;
using memory::Vma;
using tracee::RemoteSyscalls;
using util::RangeSet;

namespace {

void require_capturable(tracee::Process& process) {
  for (auto& [tid, tracee] : process.tracees()) {
    if (tracee->in_vfork)
      throw util::CodedError(util::kUnsupported, "Thread " + std::to_string(tid) + " waits for a child process that has borrowed its memory (vfork). Try again in a moment.");
  }
}

void append_pages(std::vector<uint64_t>& pages, const RangeSet& ranges) {
  for (auto& range : ranges)
    for (uint64_t address = range.start; address < range.end; address += kPageSize) pages.push_back(memory::page_number(address));
}

// Shared memory is not frozen by a fork, and MADV_DONTFORK and MADV_WIPEONFORK keep pages out of the twin.
std::vector<uint64_t> pages_missing_in_twin(const Snapshot& snapshot, const RangeSet& in_twin) {
  RangeSet missing = util::subtract(snapshot.held, in_twin);
  for (auto& vma : snapshot.maps)
    if (vma.shared) missing = util::unite(missing, util::intersect(snapshot.held, RangeSet{vma.range()}));
  // The kernel writes a thread's rseq area whenever it returns to user space, also after the clone.
  RangeSet areas;
  for (auto& [tid, thread] : snapshot.threads)
    if (thread.rseq && thread.rseq->pointer) areas.add(page_range(*thread.rseq));
  missing = util::unite(missing, util::intersect(snapshot.held, areas));
  std::vector<uint64_t> pages;
  append_pages(pages, missing);
  return pages;
}

// Reads `pages` and puts what is new into the snapshot's table. Returns the guard pages among them: in large ranges they look
// as if they were there, and had been written.
enum class By { kUs, kThreadItself };
RangeSet copy_pages(EngineState& state, Snapshot& snapshot, std::span<const uint64_t> pages, By by) {
  const bool itself = by == By::kThreadItself && may_copy_itself(snapshot.state.actions);
  const size_t failures = read_pages(state, pages, snapshot.maps, itself, [&](uint64_t page, const std::byte* content) {
    state.note_overwritten(page);
    snapshot.pages.set(page, state.store.insert_or_same(content, snapshot.pages.find(page), PageId::kZero));
  });
  RangeSet guards;
  if (!failures) return guards;
  for (uint64_t page : pages) {
    memory::PagemapEntry entry;
    if (state.pagemap->read_entries(page, 1, &entry) == 1 && entry.guard()) guards.add(memory::page_address(page), memory::page_address(page + 1));
  }
  if (failures * kPageSize > guards.bytes()) snapshot.exact = false;
  return guards;
}

// Likewise, where the kernel does not tell what was written.
void copy_changed_pages(EngineState& state, Snapshot& snapshot, std::span<const uint64_t> pages) {
  std::byte* now = state.chunk_buffer(0);
  std::byte* before = state.chunk_buffer(1);
  for (size_t begin = 0; begin < pages.size(); begin += EngineState::kChunk) {
    const auto chunk = pages.subspan(begin, std::min(EngineState::kChunk, pages.size() - begin));
    std::vector<bool> failed(chunk.size());
    state.process.memory().read_pages(chunk, now, [&](size_t index, uint64_t) { failed[index] = true; });
    state.content(snapshot.pages, chunk, before);
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (failed[i]) {
        snapshot.exact = false;
        continue;
      }
      const std::byte* content = now + i * kPageSize;
      if (memcmp(content, before + i * kPageSize, kPageSize) == 0) continue;
      state.note_overwritten(chunk[i]);
      snapshot.pages.set(chunk[i], state.store.insert_or_same(content, snapshot.pages.find(chunk[i]), PageId::kZero));
    }
  }
}

// Without those that are a file's, or nobody's that a snapshot is about.
std::vector<uint64_t> own_pages(const std::vector<uint64_t>& pages, const std::vector<Vma>& maps, const RangeSet& held_over_files) {
  std::vector<uint64_t> result;
  result.reserve(pages.size());
  auto vma = maps.begin();
  for (uint64_t page : pages) {
    const uint64_t address = memory::page_address(page);
    while (vma != maps.end() && vma->end <= address) ++vma;
    if (vma == maps.end()) break;
    if (vma->start <= address && (owned_by_presence(*vma) || held_over_files.contains(address))) result.push_back(page);
  }
  return result;
}

/// What was written since the baseline, and what is held where that does not tell, collected beside the caller: the
/// process's threads may run remote calls meanwhile, which write to nothing that a snapshot holds but the areas of rseq. One
/// that changes mappings would wait for the scan (mmap_lock).
class CollectBeside {
 public:
  CollectBeside(EngineState& state, const std::vector<Vma>& maps, const ProcessorTurns& turns)
      : state_(state), beside_(state.background, [this, &maps, &turns, dense = state.dense_ranges(maps)] {
          turns.join();
          collect(maps, dense);
          turns.leave();
        }) {}

  void wait() { beside_.wait(); }
  const Written& written() const { return written_; }
  const RangeSet& held_elsewhere() const { return held_elsewhere_; }

 private:
  void collect(const std::vector<Vma>& maps, const RangeSet& dense) {
    written_ = state_.collect(maps, dense, DirtyTracker::Then::kArm);
    // Armed: should the capture fail now, these must not be forgotten.
    state_.carried = written_.pages;
    for (auto& range : written_.zero) append_pages(state_.carried, RangeSet{range});
    std::sort(state_.carried.begin(), state_.carried.end());
    held_elsewhere_ = EngineState::held_elsewhere(maps, written_.dense, *state_.background_pagemap);
  }

  EngineState& state_;
  Written written_;
  RangeSet held_elsewhere_;
  util::Beside beside_;  // last: it refers to the others
};

void capture_later(EngineState& state, Snapshot& snapshot, const CollectBeside& collected, By by) {
  const Written& written = collected.written();
  const auto over_files = state.held_over_files(snapshot.maps, &written);
  RangeSet guards;
  if (state.tracker->precise()) guards = copy_pages(state, snapshot, own_pages(written.pages, snapshot.maps, over_files), by);
  snapshot.held = util::unite(util::unite(collected.held_elsewhere(), over_files), util::subtract(util::subtract(written.dense, written.dropped), guards));
  const auto mapped = mapped_shared_memory(*state.pagemap, snapshot.maps);
  const auto filled = filled_shared_memory(state.process, snapshot.maps, [&](const Vma& vma) { return state.in_journal(vma); });
  for (auto& range : filled) snapshot.held.add(range);
  std::vector<uint64_t> unseen;
  append_pages(unseen, util::subtract(filled, mapped));
  if (state.tracker->precise()) copy_pages(state, snapshot, unseen, By::kUs);
  for (auto& range : util::subtract(state.baseline->held, snapshot.held))
    snapshot.pages.set_range(memory::page_number(range.start), memory::page_number(range.end), PageId::kAbsent);
  for (auto& range : util::intersect(written.zero, snapshot.held))
    snapshot.pages.set_range(memory::page_number(range.start), memory::page_number(range.end), PageId::kZero);
  // Pages that have appeared since the baseline have nothing in the twin to be compared with. Not all were written: a
  // rollback leaves shared pages that its snapshot lacked in place, as zeros.
  std::vector<uint64_t> appeared;
  append_pages(appeared, util::subtract(snapshot.held, state.baseline->held));
  if (state.tracker->precise()) {
    std::erase_if(appeared, [&](uint64_t page) { return snapshot.pages.find(page) != PageId::kInBase; });
    copy_pages(state, snapshot, appeared, by);
  } else {
    std::vector<uint64_t> stayed;
    append_pages(stayed, util::intersect(snapshot.held, state.baseline->held));
    copy_pages(state, snapshot, appeared, by);
    copy_changed_pages(state, snapshot, stayed);
  }
  state.carried.clear();
}

// What this version does not hold, so that nobody relies on it.
void warn(EngineState& state, Snapshot& snapshot, bool children_are_held) {
  auto tell = [&](const char* kind, std::string message) {
    snapshot.warnings.push_back({kind, std::move(message)});
    snapshot.exact = false;
  };
  for (auto& vma : snapshot.maps) {
    if (is_device(vma)) {
      tell("deviceMemory", "The mapping of " + vma.path + " is memory of a device or of the kernel: its content stays as it is.");
      continue;
    }
    if (!vma.shared || !vma.writable() || vma.is_shared_anonymous() || (vma.is_sysv() && !resources::attached_elsewhere(static_cast<int>(vma.inode), {state.process.pid(), state.twin ? state.twin->pid() : 0}))) continue;
    tell("sharedMapping", "The shared mapping of " + vma.path + " is rolled back for everybody who maps it.");
  }
  const auto& process = state.process;
  for (auto& vma : snapshot.maps)
    if (vma.path.starts_with("/anon_hugepage") || vma.path.starts_with("/dev/hugepages/"))
      tell("hugePages", "The mapping of " + vma.path + " is made of reserved huge pages: to keep it, the system must have as many again; without them this snapshot cannot be restored whole.");
  const bool dispatches = std::any_of(snapshot.threads.begin(), snapshot.threads.end(), [](auto& entry) { return entry.second.dispatch.mode; });
  if (dispatches && snapshot.state.files.rewind)
    tell("fileCalls", "The program answers some of its system calls itself (syscall user dispatch): a file that it opens, writes and closes between two snapshots may not come back, without notice. Files that are open at a snapshot do.");
  // Linux x86/shstk.rst: return addresses that no program may write.
  if (process.status_field("x86_Thread_features").find("shstk") != std::string::npos)
    tell("shadowStack", "The program runs with a shadow stack, which Rollpoint cannot put back: a rollback may be refused by the processor. Run it with GLIBC_TUNABLES=glibc.cpu.hwcaps=-SHSTK.");
  if (snapshot.state.files.rewind && state.followed && state.call_sites.misses_files() && !std::exchange(state.told_no_file_site, true))
    tell("fileCalls", "This program opens and changes files in places that Rollpoint does not find (it does without a C library that Rollpoint knows, as programs in Go do): a file that it opens, writes and closes between two snapshots does not come back, and is not noticed. Files that are open at a snapshot are.");
  for (auto& [tid, thread] : snapshot.threads) {
    auto has_own = [&, other = tid](int what) { return syscall(SYS_kcmp, process.pid(), other, what, 0, 0) > 0; };
    if (has_own(KCMP_FILES)) tell("threadState", "Thread " + std::to_string(tid) + " has descriptors of its own (unshare): they stay as they are.");
    if (has_own(KCMP_FS)) tell("threadState", "Thread " + std::to_string(tid) + " has a working directory and umask of its own (unshare): they stay as they are.");
  }
  if (children_are_held) return;
  const std::string base = "/proc/" + std::to_string(process.pid());
  for (auto& [tid, thread] : snapshot.threads) {
    std::string children;
    std::getline(std::ifstream(base + "/task/" + std::to_string(tid) + "/children"), children);
    if (children.empty() || (state.twin && children == std::to_string(state.twin->pid()) + " ")) continue;
    tell("children", "Child processes are running; they stay as they are.");
    break;
  }
}

}  // namespace

void settle(EngineState& state) {
  state.finish_arming();
  if (!state.unsettled) return;
  const SnapshotId id = *std::exchange(state.unsettled, std::nullopt);
  const auto begin = std::chrono::steady_clock::now();
  try {
    Snapshot& snapshot = state.at(id);
    RangeSet in_twin, elsewhere;
    util::Beside scan(state.background, [&] {
      memory::Pagemap twin(state.twin->pid());
      for (auto& vma : snapshot.maps)
        for (auto& range : twin.present_ranges(vma.range())) in_twin.add(range);
      elsewhere = EngineState::held_elsewhere(snapshot.maps, {}, *state.background_pagemap);
    });
    state.tracker->arm(snapshot.maps);
    const auto over_files = state.held_over_files(snapshot.maps, nullptr);
    scan.wait();
    snapshot.held = util::unite(elsewhere, over_files);
    for (auto& range : filled_shared_memory(state.process, snapshot.maps, [&](const Vma& vma) { return state.in_journal(vma); })) snapshot.held.add(range);
    copy_pages(state, snapshot, pages_missing_in_twin(snapshot, in_twin), By::kUs);
    state.baseline.emplace(snapshot.pages, snapshot.held);
    step_aside(state);
    state.read_attributes_of(snapshot, nullptr, false);
  } catch (const std::exception& error) {
    state.await_attributes();
    state.snapshots.clear();
    state.forget_base(true);
    state.hooks.lost({id}, std::string("The first snapshot could not be completed: ") + error.what());
  }
  state.settle_micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

CaptureResult capture(EngineState& state, const CaptureOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  settle(state);
  auto& process = state.process;
  require_capturable(process);
  RemoteSyscalls remote(process);  // maps our pages before the layout is read
  const bool first = !state.baseline;
  const auto mark = state.store.mark();
  auto snapshot = std::make_unique<Snapshot>(first ? memory::PageTable(state.pool) : state.baseline->pages);
  snapshot->maps = tracked_maps(process);
  snapshot->tid = options.tid;
  snapshot->parent = state.current;
  snapshot->locked = process.status_field("VmLck");
  Snapshot* before = state.current ? &state.at(*state.current) : nullptr;
  const bool stood_still = !state.moved;

  std::optional<tracee::WritableWindow> writable;
  const auto footing = ask_footing(process, !first && state.window && process.window ? &writable : nullptr);
  snapshot->program_break = footing.program_break;
  ProcessorTurns turns(footing.processor);
  std::optional<CollectBeside> collecting;
  if (!first) {
    turns.take_turns();
    collecting.emplace(state, snapshot->maps, turns);
  }
  for (auto& [tid, tracee] : process.tracees()) {
    if (tracee->parked()) continue;
    const SavedThread* earlier = nullptr;
    if (before)
      if (auto it = before->threads.find(tid); it != before->threads.end()) earlier = &it->second;
    snapshot->threads.emplace(tid, save_thread(process, *tracee, earlier, state.next_id));
  }
  // Where memory has but one place to lie, only a program that names it for its threads is asked for its mappings.
  const auto chooses = [](auto& entry) { return !entry.second.memory_policy.is_default(); };
  if (state.has_several_nodes || std::any_of(snapshot->threads.begin(), snapshot->threads.end(), chooses)) snapshot->policies = read_mapping_policies(process, snapshot->maps);
  if (options.file_limit) state.hooks.files->limit = options.file_limit;
  snapshot->state = resources::read_process_state(process, before ? &before->state : nullptr, {.rewind_files = options.rewind_files, .files = state.hooks.files.get(), .maps = &snapshot->maps, .streams_elsewhere = options.children_are_held}, snapshot->warnings);
  if (first) {
    try {
      state.begin();
    } catch (...) {
      state.forget_base(true);
      throw;
    }
  } else {
    collecting->wait();
    turns.work_at_once();
    capture_later(state, *snapshot, *collecting, writable && *writable ? By::kThreadItself : By::kUs);
    writable.reset();
    state.baseline.emplace(snapshot->pages, snapshot->held);
  }
  const auto end = std::chrono::steady_clock::now();

  if (state.followed || state.in_focus) state.call_sites.refresh(process, snapshot->maps);
  if (!snapshot->exact) snapshot->warnings.push_back({"memory", "Some pages could not be read."});
  if (!snapshot->warnings.empty()) snapshot->exact = false;
  warn(state, *snapshot, options.children_are_held);
  CaptureResult result;
  result.id = snapshot->id = state.next_id++;
  result.parent = snapshot->parent;
  result.pages = state.store.created_since(mark);
  result.bytes = result.pages * kPageSize;
  result.pause_micros = std::chrono::duration<double, std::micro>(end - begin).count();
  for (auto& [tid, thread] : snapshot->threads) result.threads.push_back(tid);
  result.exact = snapshot->exact;
  result.warnings = snapshot->warnings;
  for (auto& [tid, thread] : snapshot->threads) process.at(tid).note_saved(thread.kernel_state);
  state.current = snapshot->id;
  state.moved = false;
  if (first) state.unsettled = snapshot->id;
  if (!first) state.read_attributes_of(*snapshot, before, stood_still);
  state.snapshots.emplace(snapshot->id, std::move(snapshot));
  return result;
}

}  // namespace rollpoint::snapshot
