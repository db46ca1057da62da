#include "snapshot/engine_state.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <tuple>
#include <utility>

#include "util/error.h"

namespace rollpoint::snapshot {

using memory::PageId;
using memory::Vma;
using util::RangeSet;

Snapshot& EngineState::at(SnapshotId id) {
  auto it = snapshots.find(id);
  if (it == snapshots.end()) throw util::CodedError(util::kUnknownSnapshot, "There is no snapshot " + std::to_string(id) + ".");
  return *it->second;
}

bool EngineState::referenced(pid_t tid) const {
  return std::any_of(snapshots.begin(), snapshots.end(), [&](auto& entry) { return entry.second->threads.contains(tid); });
}

bool owned_by_presence(const Vma& vma) {
  if (is_device(vma)) return false;
  // Shared memory that is read-only now may have been writable before.
  if (vma.shared) return vma.writable() || vma.is_shared_anonymous() || vma.is_memfd();
  return !vma.is_file();
}

bool is_device(const Vma& vma) {
  if (!vma.is_file() || vma.is_shared_anonymous()) return false;
  return vma.path.starts_with("anon_inode:") || vma.path.starts_with("socket:") || (vma.path.starts_with("/dev/") && !vma.path.starts_with("/dev/shm/") && !vma.path.starts_with("/dev/zero") && !vma.path.starts_with("/dev/hugepages/"));
}

namespace {

template <class Which>
RangeSet owned_ranges(const std::vector<Vma>& maps, Which which) {
  RangeSet owned;
  for (const Vma& vma : maps)
    if (owned_by_presence(vma) && which(vma)) owned.add(vma.range());
  return owned;
}

bool all(const Vma&) { return true; }
bool is_shared(const Vma& vma) { return vma.shared; }
bool is_private(const Vma& vma) { return !vma.shared; }

}  // namespace

RangeSet EngineState::held_elsewhere(const std::vector<Vma>& maps, const RangeSet& dense, memory::Pagemap& pagemap) {
  RangeSet held;
  for (auto& part : util::subtract(owned_ranges(maps, is_private), dense))
    for (auto& range : pagemap.present_ranges_of_mapping(part)) held.add(range);
  for (auto& part : owned_ranges(maps, is_shared))
    for (auto& range : pagemap.mapped_ranges(part)) held.add(range);
  return held;
}

RangeSet EngineState::held_elsewhere(const std::vector<Vma>& maps, const RangeSet& dense, const RangeSet& absent) {
  return util::subtract(util::subtract(owned_ranges(maps, all), dense), absent);
}

RangeSet EngineState::dense_ranges(const std::vector<Vma>& maps) const {
  constexpr uint64_t kWorthAskingApart = 1 << 20;
  RangeSet result;
  if (!baseline || !tracker->precise()) return result;
  RangeSet anonymous;
  for (const Vma& vma : maps)
    if (!vma.shared && !vma.is_file()) anonymous.add(vma.range());
  for (auto& range : util::intersect(baseline->held, anonymous))
    if (range.bytes() >= kWorthAskingApart) result.add(range);
  return result;
}

RangeSet EngineState::held_over_files(const std::vector<Vma>& maps, const Written* written) {
  RangeSet held;
  for (const Vma& vma : maps) {
    if (vma.shared || !vma.is_file() || is_device(vma)) continue;
    RangeSet part;
    if (vma.writable() || !written || !tracker->precise()) {
      // Asking whether a page is the file's is slow (pagemap.rst), so only where it may change.
      part = pagemap->present_private_ranges(vma.range());
    } else {
      // Text: private where it was before, or where a debugger or a patcher has written since.
      part = util::intersect(baseline->held, RangeSet{vma.range()});
      auto page = std::lower_bound(written->pages.begin(), written->pages.end(), memory::page_number(vma.start));
      memory::PagemapEntry entry;
      for (; page != written->pages.end() && *page < memory::page_number(vma.end); ++page)
        if (pagemap->read_entries(*page, 1, &entry) == 1 && entry.present() && !entry.file())
          part.add(memory::page_address(*page), memory::page_address(*page + 1));
    }
    for (auto& range : part) held.add(range);
  }
  return held;
}

void EngineState::read_attributes_of(Snapshot& snapshot, const Snapshot* before, bool stood_still) {
  // The kernel counts each page for it (smaps), 30 ms a GiB: a program cannot map meanwhile, and a rollback waits for it.
  constexpr uint64_t kSoon = 32 << 20, kTooLong = 64 << 20;
  await_attributes();
  const uint64_t resident = snapshot.held.bytes();
  reads_long_ = resident > kSoon;
  // Advice for a part of a mapping splits it. For a whole one it changes nothing in the list, but is mostly given as that is made.
  const bool looks_equal = before && before->attributes && before->maps == snapshot.maps && before->locked == snapshot.locked;
  if (looks_equal && (stood_still || resident > kTooLong)) {
    snapshot.attributes = before->attributes;
    return;
  }
  reads_attributes_ = true;
  attributes_thread_.start([pid = process.pid(), &snapshot] {
    try {
      memory::Pagemap pagemap(pid);
      snapshot.attributes = read_memory_attributes(pid, pagemap, snapshot.maps);
    } catch (const util::CodedError&) {
      // The process is gone, and nobody will ask.
    }
  });
}

void EngineState::await_short_attributes() {
  if (!reads_long_) await_attributes();
}

void EngineState::await_attributes() {
  if (std::exchange(reads_attributes_, false)) attributes_thread_.wait();
}

namespace {

// Shared mappings with bytes that another one has, too.
RangeSet seen_twice(const std::vector<Vma>& maps) {
  std::vector<const Vma*> shared;
  for (auto& vma : maps)
    if (vma.shared && owned_by_presence(vma)) shared.push_back(&vma);
  std::ranges::sort(shared, {}, [](const Vma* vma) { return std::tuple(vma->device, vma->inode, vma->offset); });
  RangeSet twice;
  const Vma* furthest = nullptr;
  auto end = [](const Vma* vma) { return vma->offset + vma->bytes(); };
  for (const Vma* vma : shared) {
    const bool same = furthest && furthest->device == vma->device && furthest->inode == vma->inode;
    if (same && vma->offset < end(furthest)) twice = util::unite(twice, RangeSet{{vma->range(), furthest->range()}});
    if (!same || end(vma) > end(furthest)) furthest = vma;
  }
  return twice;
}

}  // namespace

std::vector<uint64_t> EngineState::pages_in_common(const std::vector<Vma>& maps) const {
  std::vector<uint64_t> pages;
  if (!tracker->precise() || !baseline) return pages;
  RangeSet common;
  const RangeSet twice = seen_twice(maps);
  for (auto& vma : maps) {
    if (!vma.shared || !owned_by_presence(vma)) continue;
    if (vma.is_shared_anonymous() || vma.is_sysv()) {
      if (has_kin || twice.contains(vma.start)) common.add(vma.range());
    }
    // Beyond the end of a file that was cut nothing can be read, and nothing is present.
    else common = util::unite(common, memory::Pagemap(process.pid()).mapped_ranges(vma.range()));
  }
  for (auto& range : util::intersect(common, baseline->held))
    for (uint64_t address = range.start; address < range.end; address += memory::kPageSize) pages.push_back(memory::page_number(address));
  return pages;
}

Written EngineState::collect(const std::vector<Vma>& maps, const RangeSet& dense, DirtyTracker::Then then) {
  auto written = tracker->collect(maps, dense, then);
  for (auto& more : {carried, pages_in_common(maps)}) {
    if (more.empty()) continue;
    std::vector<uint64_t> all;
    std::set_union(written.pages.begin(), written.pages.end(), more.begin(), more.end(), std::back_inserter(all));
    written.pages = std::move(all);
  }
  return written;
}

void EngineState::start_arming(std::vector<Vma> maps) {
  arming_ = true;
  auto dense = dense_ranges(maps);
  background.start([this, maps = std::move(maps), dense = std::move(dense)] {
    const auto begin = std::chrono::steady_clock::now();
    tracker->arm(maps, dense);
    settle_micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  });
}

void EngineState::finish_arming() {
  if (!std::exchange(arming_, false)) return;
  try {
    background.wait();
  } catch (const std::exception& error) {
    hooks.log(std::string("Snapshots compare all memory from here on, which is slower: ") + error.what());
    tracker = make_compare_tracker();
  }
}

void EngineState::count_overwritten() {
  if (overwritten_since_.empty()) return;
  if (!overwritten_) overwritten_.emplace(pool);
  for (uint64_t page : std::exchange(overwritten_since_, {})) {
    if (overwritten_->find(page) != PageId::kInBase) continue;
    overwritten_->set(page, PageId::kZero);
    ++pages_only_in_twin_;
  }
}

uint64_t EngineState::pages_only_in_twin() {
  count_overwritten();
  return pages_only_in_twin_;
}

std::byte* EngineState::chunk_buffer(int which) {
  auto& buffer = buffers_[which];
  if (buffer.empty()) buffer.resize(kChunk * memory::kPageSize);
  return buffer.data();
}

void EngineState::content(const memory::PageTable& table, std::span<const uint64_t> pages, std::byte* out) {
  in_twin_.clear();
  in_twin_index_.clear();
  for (size_t i = 0; i < pages.size(); ++i) {
    const PageId id = table.find(pages[i]);
    if (id == PageId::kInBase) {
      in_twin_.push_back(pages[i]);
      in_twin_index_.push_back(i);
    } else {
      memcpy(out + i * memory::kPageSize, store.data(id), memory::kPageSize);
    }
  }
  if (in_twin_.empty()) return;
  if (!twin) throw util::CodedError(util::kProcessGone, "The frozen twin that keeps the first snapshot's memory is gone.");
  twin_buffer_.resize(std::max(twin_buffer_.size(), in_twin_.size() * memory::kPageSize));
  twin->read_pages(in_twin_, twin_buffer_.data(), background);
  for (size_t i = 0; i < in_twin_.size(); ++i)
    memcpy(out + in_twin_index_[i] * memory::kPageSize, twin_buffer_.data() + i * memory::kPageSize, memory::kPageSize);
}

void EngineState::begin() {
  if (followed && !window_memory.local) window_memory = tracee::WindowMemory::make();
  window = tracee::open_window(process, std::move(window_memory));
  twin = Twin::freeze(process, window);
  hooks.task_born(twin->pid());
  make_tracker();
}

void EngineState::make_tracker() {
  finish_arming();
  pagemap = std::make_unique<memory::Pagemap>(process.pid());
  background_pagemap = std::make_unique<memory::Pagemap>(process.pid());
  tracker.reset();
  if (tracker_kind == TrackerKind::kUserfaultfd) {
    try {
      tracker = make_userfaultfd_tracker(process, *pagemap);
    } catch (const util::CodedError& error) {
      if (error.code() != util::kUnsupported) throw;
      hooks.log(std::string("Snapshots compare all memory, which is slower: ") + error.what());
    }
  }
  if (!tracker) tracker = make_compare_tracker();
}

void EngineState::forget_base(bool stopped) {
  await_attributes();
  finish_arming();
  if (followed) hooks.files->forget();
  if (twin) twin->end(stopped ? &process : nullptr);
  twin.reset();
  twin_stands_aside = false;
  try {
    if (stopped) tracee::close_window(process);
  } catch (const util::CodedError&) {
    // The debuggee has ended meanwhile, and the window with it.
  }
  process.window.reset();
  window.reset();
  tracker.reset();
  pagemap.reset();
  background_pagemap.reset();
  baseline.reset();
  current.reset();
  overwritten_.reset();
  overwritten_since_.clear();
  carried.clear();
  unsettled.reset();
  pages_only_in_twin_ = 0;
}

}  // namespace rollpoint::snapshot
