#include "snapshot/rollback.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>

#include "snapshot/layout.h"
#include "snapshot/page_transfer.h"
#include "snapshot/processor_turns.h"
#include "snapshot/rebuild.h"
#include "snapshot/rename.h"
#include "snapshot/rollback_error.h"
#include "snapshot/shared_memory.h"
#include "tracee/remote_syscalls.h"
#include "util/fault.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::PageWrite;
using memory::Vma;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using tracee::ThreadState;
using util::RangeSet;

namespace {

Warning other_ids(size_t count) {
  return {"threads", std::to_string(count) + (count == 1 ? " thread has another id" : " threads have other ids") + " than before: the C library has been told, but a lock that one of them holds and the kernel checks is not its own any more. \"pidNamespace\": true keeps the ids."};
}

void restore_thread_list(EngineState& state, const Snapshot& target, RollbackResult& result) {
  const bool choose = state.process.may_choose_ids();
  size_t others = 0;
  std::vector<pid_t> extra, missing;
  for (auto& [tid, tracee] : state.process.tracees())
    if (!target.threads.contains(tid)) extra.push_back(tid);
  for (auto& [tid, thread] : target.threads)
    if (auto* tracee = state.process.find(tid); tracee && tracee->parked()) tracee->set_state(ThreadState::kStopped);
  for (auto& [tid, thread] : target.threads)
    if (!state.process.find(tid)) missing.push_back(tid);
  for (size_t i = 0; i < missing.size(); ++i) {
    const pid_t tid = missing[i];
    const auto& saved = target.threads.at(tid);
    const pid_t born = recreate_thread(state.process, saved, choose).tid();
    others += state.process.id_inside(born) != saved.id_inside;
    if (born == tid) continue;
    // The kernel may have given it the id of one that is still to come back.
    const pid_t moved = rename_thread(state, tid, born);
    std::replace(missing.begin() + static_cast<ptrdiff_t>(i), missing.end(), born, moved);
    result.renamed.push_back({tid, born});
  }
  for (pid_t tid : extra) {
    auto& tracee = state.process.at(tid);
    if (state.referenced(tid)) park(state.process, tracee);
    else end_thread(state.process, tracee);
  }
  if (!others) return;
  state.any_thread_id = true;
  result.warnings.push_back(other_ids(others));
}

// Pages that the target lacks: back to nothing, or to their file.
void drop_pages(EngineState& state, const Snapshot& target, const RangeSet& held_now) {
  const RangeSet surplus = util::subtract(held_now, target.held);
  if (surplus.empty()) return;
  std::vector<RemoteCall> calls;
  std::vector<PageWrite> zeros;
  auto zero = [&](uint64_t start, uint64_t end) {
    for (; start < end; start += kPageSize) zeros.push_back({memory::page_number(start), memory::PageStore::zero_page()});
  };
  for (const Vma& vma : target.maps) {
    if (!surplus.overlaps(vma.range())) continue;
    for (auto& range : util::intersect(surplus, RangeSet{vma.range()})) {
      if (!vma.shared) calls.push_back({SYS_madvise, {range.start, range.bytes(), MADV_DONTNEED}});
      else if (vma.is_shared_anonymous() || vma.is_sysv() || (is_nameless_file(vma) && !state.in_journal(vma)) || (vma.is_memfd() && !resources::holds_all(target.state.events.memfds, vma.inode))) zero(range.start, range.end);
    }
  }
  RemoteSyscalls(state.process).batch(calls);
  for (auto& call : calls)
    if (call.result < 0) zero(call.arguments[0], call.arguments[0] + call.arguments[1]);  // locked memory refuses
  state.process.memory().write_pages(zeros);
}

// Read-only shared mappings cannot be written from outside: open them for the moment.
void write_read_only_shared(EngineState& state, const Snapshot& target, std::vector<PageWrite>& refused) {
  RemoteSyscalls remote(state.process);
  for (const Vma& vma : target.maps) {
    std::vector<PageWrite> part;
    for (auto& write : refused)
      if (vma.contains(memory::page_address(write.page))) part.push_back(write);
    if (part.empty()) continue;
    remote.require("mprotect", SYS_mprotect, vma.start, vma.bytes(), PROT_READ | PROT_WRITE);
    const size_t failed = state.process.memory().write_pages(part);
    remote.require("mprotect", SYS_mprotect, vma.start, vma.bytes(), static_cast<uint64_t>(vma.prot));
    if (failed) throw util::SysError("write memory of " + vma.path, EFAULT);
  }
}

std::vector<uint64_t> pages_to_write(EngineState& state, const Snapshot& target, Written& written, const RangeSet& held_now) {
  std::vector<uint64_t> pages = std::move(written.pages);
  auto add_range = [&](const util::Range& range) {
    for (uint64_t address = range.start; address < range.end; address += kPageSize) pages.push_back(memory::page_number(address));
  };
  for (auto& range : util::intersect(written.zero, target.held)) add_range(range);
  if (!state.tracker->precise())
    for (auto& range : util::intersect(held_now, target.held)) add_range(range);
  for_each_difference(state.baseline->pages, target.pages, [&](uint64_t page, memory::PageId, memory::PageId) { pages.push_back(page); });
  for (auto& range : util::subtract(target.held, held_now)) add_range(range);
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  std::erase_if(pages, [&](uint64_t page) { return !target.held.contains(memory::page_address(page)); });
  return pages;
}

// The pages that the kernel itself writes as a thread goes back to user space, with processor numbers (rseq(2)).
RangeSet rseq_areas(const Snapshot& target) {
  RangeSet areas;
  for (auto& [tid, thread] : target.threads)
    if (thread.rseq && thread.rseq->pointer) areas.add(page_range(*thread.rseq));
  return areas;
}

void write_from_outside(EngineState& state, const Snapshot& target, std::span<const uint64_t> pages, const RangeSet* compare_with) {
  auto& memory = state.process.memory();
  std::byte* wanted = state.chunk_buffer(1);
  std::byte* now = compare_with ? state.chunk_buffer(0) : nullptr;
  for (size_t begin = 0; begin < pages.size(); begin += EngineState::kChunk) {
    const auto chunk = pages.subspan(begin, std::min(EngineState::kChunk, pages.size() - begin));
    state.content(target.pages, chunk, wanted);
    std::vector<PageWrite> writes;
    std::vector<bool> unreadable(chunk.size());
    if (now) memory.read_pages(chunk, now, [&](size_t index, uint64_t) { unreadable[index] = true; });
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (now && !unreadable[i] && compare_with->contains(memory::page_address(chunk[i])) && memcmp(now + i * kPageSize, wanted + i * kPageSize, kPageSize) == 0) continue;
      writes.push_back({chunk[i], wanted + i * kPageSize});
    }
    std::vector<PageWrite> refused;
    memory.write_pages(writes, [&](size_t index, uint64_t) { refused.push_back(writes[index]); });
    if (!refused.empty()) write_read_only_shared(state, target, refused);
  }
}

/// What has been written since the baseline. Where putting kernel-held state back cannot touch the program's memory it is
/// collected beside that.
class Collecting {
 public:
  Collecting(EngineState& state, const Snapshot& target, const std::vector<Vma>& maps, ProcessorTurns& turns)
      : collect_([this, &state, &maps] { written_ = state.collect(maps, state.dense_ranges(maps), DirtyTracker::Then::kKeep); }) {
    if (!target.state.events.memfds.empty() || !target.state.system_v.segments.empty()) return;
    turns.take_turns();
    beside_.emplace(state.background, [this, &turns] {
      turns.join();
      collect_();
      turns.leave();
    });
  }

  /// Once.
  Written take() {
    if (beside_) beside_->wait();
    else collect_();
    return std::move(written_);
  }

 private:
  std::function<void()> collect_;
  Written written_;
  std::optional<util::Beside> beside_;  // last: it refers to the others
};

bool asks_for_attributes_only(EngineState& state, const Snapshot& target) {
  // What the program has come to have since is known where its present was captured before it is left.
  const Snapshot* present = state.current ? &state.at(*state.current) : nullptr;
  const bool differ = present && present->attributes && !compare_memory_attributes(*present->attributes, *target.attributes).empty();
  return !state.attributes_touched && !differ && target.attributes->guards.empty();
}

/// The layout as it is, and, where nothing that a rollback does before could touch memory, what has been written: asked for
/// from its first moment on.
struct Ahead {
  Ahead(EngineState& state, const Snapshot& target) : Ahead(state, target, ask_footing(state.process)) {}
  Ahead(const Ahead&) = delete;

  const uint64_t program_break;
  std::vector<Vma> maps;
  ProcessorTurns turns;
  std::optional<Collecting> collecting;  // last: it refers to the others

 private:
  Ahead(EngineState& state, const Snapshot& target, const Footing& footing) : program_break(footing.program_break), maps(tracked_maps(state.process)), turns(footing.processor) {
    if (leaves_memory_alone(state, target)) collecting.emplace(state, target, maps, turns);
  }
  bool leaves_memory_alone(EngineState& state, const Snapshot& target) {
    if (maps != target.maps || program_break != target.program_break) return false;
    if (!std::ranges::equal(state.process.tracees(), target.threads, {}, [](auto& entry) { return entry.first; }, [](auto& entry) { return entry.first; })) return false;
    // A file that is cut takes its mapped pages with it.
    if (std::ranges::any_of(maps, [&](auto& vma) { return vma.is_file() && state.in_journal(vma); })) return false;
    state.await_attributes();
    // To lock memory is to fill it.
    return !target.attributes || (asks_for_attributes_only(state, target) && std::ranges::none_of(target.attributes->mappings, [](auto& mapping) { return mapping.flags.lo; }));
  }
};

// Returns the pages that were written.
std::vector<uint64_t> restore_memory(EngineState& state, const Snapshot& target, const std::vector<Vma>& maps, Written written) {
  const RangeSet& dense = written.dense;
  const RangeSet elsewhere = written.absent ? EngineState::held_elsewhere(maps, dense, *written.absent) : EngineState::held_elsewhere(maps, dense, *state.pagemap);
  const RangeSet over_files = state.held_over_files(maps, &written);
  const RangeSet held_now = util::unite(util::unite(elsewhere, over_files), util::subtract(dense, written.dropped));
  const auto pages = pages_to_write(state, target, written, held_now);
  drop_pages(state, target, util::unite(held_now, filled_shared_memory(state.process, maps, [&](const Vma& vma) { return state.in_journal(vma); })));
  resources::provide_pages(state.process, target.state.descriptors, target.maps, util::subtract(target.held, held_now));
  if (!state.tracker->precise()) {
    write_from_outside(state, target, pages, &held_now);
    return pages;
  }
  if (!may_copy_itself(target.state.actions)) {
    write_from_outside(state, target, pages, nullptr);
    return pages;
  }
  // A thread's own area must not change under it while it copies: those come last.
  const RangeSet areas = rseq_areas(target);
  std::vector<uint64_t> by_thread, from_outside;
  by_thread.reserve(pages.size());
  for (uint64_t page : pages) (areas.contains(memory::page_address(page)) ? from_outside : by_thread).push_back(page);
  write_pages(state, target.pages, by_thread, target.maps, from_outside);
  write_from_outside(state, target, from_outside, nullptr);
  return pages;
}

// Threads that copied, and the last remote calls, may have run on another processor than at the snapshot.
void restore_rseq_areas(EngineState& state, const Snapshot& target) {
  std::vector<uint64_t> pages;
  for (auto& range : util::intersect(rseq_areas(target), target.held))
    for (uint64_t address = range.start; address < range.end; address += kPageSize) pages.push_back(memory::page_number(address));
  write_from_outside(state, target, pages, nullptr);
}

// What the program had open on it at the snapshot is held by that.
OpenMapped mapped_by_descriptor(const Snapshot& target) {
  return [&target](const Vma& vma) {
    for (auto& [number, descriptor] : target.state.descriptors) {
      if (!descriptor.held || descriptor.inode != vma.inode || (descriptor.device != vma.device && descriptor.target != vma.path)) continue;
      // With the access of the description, not of the mapping: mprotect(2) may be asked for more.
      const std::string path = "/proc/self/fd/" + std::to_string(descriptor.held->fd.get());
      util::UniqueFd fd(open(path.c_str(), (descriptor.writable() ? O_RDWR : O_RDONLY) | O_CLOEXEC));
      if (!fd && !descriptor.pinned()) fd.reset(fcntl(descriptor.held->fd.get(), F_DUPFD_CLOEXEC, 0));
      if (fd) return fd;
    }
    return util::UniqueFd();
  };
}

void restore_attributes(EngineState& state, const Snapshot& target, const std::vector<Vma>& maps, std::vector<Warning>& warnings) {
  state.await_attributes();
  if (!target.attributes) return;
  const auto& wanted = *target.attributes;
  // To read them takes as long as a fork. What the program has lost since is just asked for again.
  if (asks_for_attributes_only(state, target)) {
    ask_for_attributes(state.process, maps, wanted);
    return;
  }
  state.attributes_touched = true;
  for (auto& warning : restore_memory_attributes(state.process, *state.pagemap, maps, wanted)) warnings.push_back(std::move(warning));
}

RollbackResult apply(EngineState& state, const Snapshot& target, const resources::Place& place, Ahead& ahead) {
  RollbackResult result;
  restore_thread_list(state, target, result);
  util::fault_point("threads");
  auto& files = *state.hooks.files;
  for (auto& warning : files.restore(state.process.pid(), target.state.files)) result.warnings.push_back(std::move(warning));
  util::fault_point("files");
  auto layout = restore_layout(state.process, {ahead.maps, ahead.program_break}, target.maps, target.program_break, mapped_by_descriptor(target));
  for (auto& line : parted_views(layout, target.maps)) result.warnings.push_back({"sharedMemory", line});
  if (!ahead.collecting) ahead.maps = std::move(layout);
  auto& maps = ahead.maps;
  restore_mapping_names(state.process, maps, target.maps);
  // What is asked for changes no memory, and would wait for the scan.
  const bool attributes_later = ahead.collecting.has_value();
  if (!attributes_later) restore_attributes(state, target, maps, result.warnings);
  if (!target.policies.empty() || (state.current && !state.at(*state.current).policies.empty()))
    for (auto& warning : restore_mapping_policies(state.process, maps, target.policies)) result.warnings.push_back(std::move(warning));
  util::fault_point("layout");
  if (!ahead.collecting) ahead.collecting.emplace(state, target, maps, ahead.turns);
  for (auto& warning : resources::restore_process_state(state.process, target.state, place)) result.warnings.push_back(std::move(warning));
  util::fault_point("state");
  for (auto& [tid, saved] : target.threads)
    for (auto& warning : restore_kernel_state(state.process, state.process.at(tid), saved)) result.warnings.push_back(std::move(warning));
  util::fault_point("threadState");
  auto collected = ahead.collecting->take();
  if (attributes_later) restore_attributes(state, target, maps, result.warnings);
  ahead.turns.work_at_once();
  const auto written = restore_memory(state, target, maps, std::move(collected));
  ahead.turns.end();
  result.pages_written = written.size();
  files.finish(target.state.files);
  util::fault_point("memory");
  restore_rseq_areas(state, target);
  correct_thread_ids(state, target);
  // From here on no thread runs: a remote call would change memory again.
  for (auto& [tid, saved] : target.threads) restore_registers(state.process.at(tid), saved);
  util::fault_point("registers");
  for (auto& warning : require_restored(state, target, written)) {
    const bool known = std::any_of(result.warnings.begin(), result.warnings.end(), [&](auto& other) { return other.kind == warning.kind; });
    if (!known) result.warnings.push_back(std::move(warning));
  }
  util::fault_point("check");
  state.start_arming(std::move(maps));
  state.carried.clear();
  state.baseline.emplace(target.pages, target.held);
  state.current = target.id;
  state.moved = state.broken = state.attributes_touched = false;
  result.tid = target.threads.contains(target.tid) ? target.tid : state.process.pid();
  return result;
}

}  // namespace

std::string why_unreadable(const tracee::Process& process) {
  // An unprivileged tracer may not look into a process that is not dumpable, whose files in /proc are root's (prctl(2),
  // proc(5)); who may is found out at open.
  const std::string maps = "/proc/" + std::to_string(process.pid()) + "/maps";
  struct stat info {};
  if (stat(maps.c_str(), &info) < 0 || info.st_uid == geteuid()) return {};
  if (util::UniqueFd(open(maps.c_str(), O_RDONLY | O_CLOEXEC)) || errno != EACCES) return {};
  return "The program forbids others to look into it (PR_SET_DUMPABLE), and Rollpoint has no privilege to do so all the same. Until the program allows it again, no snapshot can be taken and none restored.";
}

namespace {

void check_readable(EngineState& state) {
  if (auto why = why_unreadable(state.process); !why.empty()) throw RollbackError(std::move(why), true);
}

void check_feasible(EngineState& state, const Snapshot& target, const std::vector<Vma>& maps) {
  auto refuse = [](std::string message) { throw RollbackError(std::move(message), true); };
  for (auto& [tid, tracee] : state.process.tracees())
    if (tracee->in_vfork) refuse("Thread " + std::to_string(tid) + " waits for a child process that has borrowed its memory (vfork). Try again in a moment.");
  for (auto& [tid, thread] : target.threads)
    if (!state.process.find(tid) && (tid == state.process.pid() || !(state.any_thread_id || !state.followed || state.process.may_choose_ids())))
      refuse("Thread " + std::to_string(tid) + " has ended in a way that Rollpoint could not catch; only a privileged process can give a new thread its id.");
  if (auto reasons = obstacles(maps, target.maps, [&](const std::string& path) { return state.hooks.files->will_exist(target.state.files, path); }, mapped_by_descriptor(target)); !reasons.empty()) refuse(reasons.front());
  if (auto reasons = resources::process_state_obstacles(state.process, target.state); !reasons.empty()) refuse(reasons.front());
  if (state.twin && !state.twin->alive()) refuse("The frozen twin that keeps the first snapshot's memory is gone; the system may have run out of memory.");
}

}  // namespace

void check_feasible(EngineState& state, const Snapshot& target) {
  check_readable(state);
  check_feasible(state, target, tracked_maps(state.process));
}

std::vector<Warning> foresee(EngineState& state, const Snapshot& target) {
  try {
    check_feasible(state, target);
  } catch (const RollbackError& error) {
    return {{"refused", error.what()}};
  }
  auto left = state.hooks.files->foresee(target.state.files);
  const auto missing = std::count_if(target.threads.begin(), target.threads.end(), [&](auto& entry) { return !state.process.find(entry.first); });
  if (missing > 0 && !state.process.may_choose_ids()) left.push_back(other_ids(static_cast<size_t>(missing)));
  for (auto& warning : resources::foresee_process_state(state.process, target.state)) left.push_back(std::move(warning));
  for (auto& [tid, saved] : target.threads)
    if (state.process.find(tid))
      for (auto& warning : resources::foresee_scheduling(tid, saved.scheduling)) left.push_back(std::move(warning));
  return left;
}

RollbackResult rollback(EngineState& state, SnapshotId id, const resources::Place& place, bool feasible) {
  const auto begin = std::chrono::steady_clock::now();
  const Snapshot& target = state.at(id);
  // Where the process has not run since a snapshot, that is the way back should this fail.
  const SnapshotId refuge = state.moved ? 0 : state.current.value_or(0);  // 0 is no snapshot's id
  if (!feasible) check_readable(state);
  std::optional<Ahead> ahead;
  ahead.emplace(state, target);
  if (!feasible) check_feasible(state, target, ahead->maps);
  try {
    auto result = apply(state, target, place, *ahead);
    result.micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
    return result;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    ahead.reset();  // it may still be collecting, beside what follows
    state.moved = state.broken = true;
    if (refuge && refuge != id) {
      try {
        Ahead back(state, state.at(refuge));
        apply(state, state.at(refuge), {}, back);
        throw RollbackError::went_back(id, what);
      } catch (const RollbackError&) {
        throw;
      } catch (const std::exception& second) {
        throw RollbackError::failed_twice(what, second.what());
      }
    }
    throw RollbackError::half_way(what);
  }
}

}  // namespace rollpoint::snapshot
