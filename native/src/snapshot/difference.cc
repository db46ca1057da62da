#include "snapshot/difference.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "snapshot/peek.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::Vma;
using util::Range;

namespace {

constexpr size_t kMostRanges = 256;       // of one region
constexpr size_t kMostPagesRead = 1 << 16;  // 256 MiB of each side, of all regions
constexpr uint64_t kClose = 8;            // equal bytes between two ranges that are told as one

std::string rights(const Vma& vma) {
  return {vma.prot & PROT_READ ? 'r' : '-', vma.prot & PROT_WRITE ? 'w' : '-', vma.prot & PROT_EXEC ? 'x' : '-', vma.shared ? 's' : 'p'};
}

bool same_backing(const Vma& a, const Vma& b, uint64_t address) {
  if (a.shared != b.shared || a.inode != b.inode || a.device != b.device) return false;
  return !a.is_file() || a.offset + (address - a.start) == b.offset + (address - b.start);
}

/// One after the other in address order, each within one mapping of either side.
class Pieces {
 public:
  Pieces(const std::vector<Vma>& from, const std::vector<Vma>& to) : from_(from), to_(to) {
    std::set<uint64_t> edges;
    for (auto* maps : {&from, &to})
      for (auto& vma : *maps) edges.insert({vma.start, vma.end});
    edges_.assign(edges.begin(), edges.end());
  }

  template <class Use>
  void each(Use use) const {
    auto a = from_.begin();
    auto b = to_.begin();
    for (size_t i = 0; i + 1 < edges_.size(); ++i) {
      const Range range{edges_[i], edges_[i + 1]};
      while (a != from_.end() && a->end <= range.start) ++a;
      while (b != to_.end() && b->end <= range.start) ++b;
      const Vma* before = a != from_.end() && a->start <= range.start ? &*a : nullptr;
      const Vma* after = b != to_.end() && b->start <= range.start ? &*b : nullptr;
      if (before || after) use(range, before, after);
    }
  }

 private:
  const std::vector<Vma>&from_, &to_;
  std::vector<uint64_t> edges_;
};

class MemoryDifference {
 public:
  MemoryDifference(EngineState& state, const Snapshot& from, const Snapshot& to) : from_(state, from), to_(state, to) {
    memory::for_each_difference(from.pages, to.pages, [&](uint64_t page, memory::PageId, memory::PageId) { pages_.push_back(page); });
    Pieces(from.maps, to.maps).each([&](Range range, const Vma* before, const Vma* after) { look(range, before, after); });
    // What only one side has is told piece by piece.
    std::vector<RegionDifference> joined;
    for (auto& region : result_) {
      auto* last = joined.empty() ? nullptr : &joined.back();
      if (last && last->change == region.change && last->range.end == region.range.start && last->name == region.name && last->from == region.from && last->to == region.to && region.change != RegionChange::kChanged)
        last->range.end = region.range.end;
      else
        joined.push_back(std::move(region));
    }
    result_ = std::move(joined);
  }

  std::vector<RegionDifference> take() { return std::move(result_); }

 private:
  void look(Range range, const Vma* before, const Vma* after) {
    auto add = [&](RegionChange change) -> RegionDifference& {
      const Vma* named = after ? after : before;
      return result_.emplace_back(RegionDifference{range, named->path, change, before ? rights(*before) : "", after ? rights(*after) : "", 0, 0, {}, false});
    };
    if (before && after && !same_backing(*before, *after, range.start)) {
      look(range, before, nullptr);
      look(range, nullptr, after);
      return;
    }
    if (!before) {
      add(RegionChange::kAdded);
      return;
    }
    if (!after) {
      add(RegionChange::kRemoved);
      return;
    }
    if (before->prot != after->prot) add(RegionChange::kProtection);
    RegionDifference changed{range, after->path, RegionChange::kChanged, rights(*before), rights(*after), 0, 0, {}, false};
    for (auto page = std::lower_bound(pages_.begin(), pages_.end(), memory::page_number(range.start)); page != pages_.end() && *page < memory::page_number(range.end); ++page)
      compare(*page, changed);
    if (changed.changed_pages) result_.push_back(std::move(changed));
  }

  void compare(uint64_t page, RegionDifference& region) {
    if (read_ >= kMostPagesRead) {
      ++region.changed_pages;
      region.truncated = true;
      return;
    }
    ++read_;
    std::byte a[kPageSize], b[kPageSize];
    const bool there = from_.read(page, a), still = to_.read(page, b);
    if (!there && !still) return;
    if (!there) memset(a, 0, kPageSize);
    if (!still) memset(b, 0, kPageSize);
    if (memcmp(a, b, kPageSize) == 0) return;
    ++region.changed_pages;
    const uint64_t start = memory::page_address(page);
    for (uint64_t i = 0; i < kPageSize; ++i) {
      if (a[i] == b[i]) continue;
      ++region.changed_bytes;
      const uint64_t at = start + i;
      if (!region.ranges.empty() && at - region.ranges.back().end <= kClose) {
        region.ranges.back().end = at + 1;
      } else if (region.ranges.size() < kMostRanges) {
        region.ranges.push_back({at, at + 1});
      } else {
        region.truncated = true;
      }
    }
  }

  PageReader from_, to_;
  std::vector<uint64_t> pages_;
  std::vector<RegionDifference> result_;
  size_t read_ = 0;
};

std::string in_words(const resources::Descriptor& open) {
  std::string words = open.target;
  switch (open.flags & O_ACCMODE) {
    case O_RDONLY: words += ", reading"; break;
    case O_WRONLY: words += ", writing"; break;
    default: words += ", reading and writing";
  }
  if (open.kind == resources::DescriptorKind::kFile || open.kind == resources::DescriptorKind::kDirectory) words += ", at byte " + std::to_string(open.offset);
  if (open.flags & O_NONBLOCK) words += ", non-blocking";
  if (open.flags & O_APPEND) words += ", appending";
  if (open.flags & O_CLOEXEC) words += ", closed on exec";
  return words;
}

bool equal(const resources::Descriptor& a, const resources::Descriptor& b) {
  if (a.kind != b.kind || a.offset != b.offset || a.flags != b.flags) return false;
  // One that a rollback has made anew has another number, and is the same to the program.
  if (a.is_stream() && a.identity && b.identity) return a.identity == b.identity;
  return a.target == b.target && a.device == b.device && a.inode == b.inode;
}

std::vector<DescriptorDifference> compare_tables(const resources::DescriptorTable& from, const resources::DescriptorTable& to) {
  std::vector<DescriptorDifference> result;
  std::set<int> numbers;
  for (auto* table : {&from, &to})
    for (auto& [number, open] : *table) numbers.insert(number);
  for (int number : numbers) {
    const auto before = from.find(number), after = to.find(number);
    if (before != from.end() && after != to.end() && equal(before->second, after->second)) continue;
    DescriptorDifference difference{number, {}, {}};
    if (before != from.end()) difference.from = in_words(before->second);
    if (after != to.end()) difference.to = in_words(after->second);
    result.push_back(std::move(difference));
  }
  return result;
}

bool equal(const resources::FileVersion& a, const resources::FileVersion& b) {
  if (&a == &b) return true;
  if (a.info.st_size != b.info.st_size) return false;
  if (!a.blocks || !b.blocks) return a.info.st_mtim.tv_sec == b.info.st_mtim.tv_sec && a.info.st_mtim.tv_nsec == b.info.st_mtim.tv_nsec;
  bool same = true;
  memory::for_each_difference(*a.blocks, *b.blocks, [&](uint64_t, memory::PageId, memory::PageId) { same = false; });
  return same;
}

std::vector<FileDifference> compare_files(const EngineState& state, const resources::FilesState& from, const resources::FilesState& to) {
  using Kind = resources::NameState::Kind;
  std::vector<FileDifference> result;
  const auto before = state.hooks.files->contents(from), after = state.hooks.files->contents(to);
  auto size_of = [](const auto& contents, const resources::FileId& id) -> std::optional<int64_t> {
    auto it = contents.find(id);
    return it == contents.end() || !it->second.version ? std::nullopt : std::optional(it->second.version->info.st_size);
  };
  std::set<std::string> told;
  std::set<std::string> paths;
  for (auto* names : {&from.names, &to.names})
    for (auto& [path, name] : *names) paths.insert(path);
  for (auto& path : paths) {
    const auto *former = state.hooks.files->name_at(from, path), *name = state.hooks.files->name_at(to, path);
    if (!former || !name) continue;
    const bool was = former->kind != Kind::kAbsent, is = name->kind != Kind::kAbsent;
    if (was == is && (name->kind != Kind::kFile || name->id == former->id)) continue;
    told.insert(path);
    result.push_back({path, was, is, was ? size_of(before, former->id) : std::nullopt, is ? size_of(after, name->id) : std::nullopt});
  }
  for (auto& [id, content] : after) {
    const auto former = before.find(id);
    if (former == before.end() || !content.version || !former->second.version || equal(*content.version, *former->second.version)) continue;
    if (told.insert(content.file->path).second)
      result.push_back({content.file->path, true, true, former->second.version->info.st_size, content.version->info.st_size});
  }
  return result;
}

}  // namespace

Differences find_differences(EngineState& state, const Snapshot& from, const Snapshot& to) {
  return {MemoryDifference(state, from, to).take(), compare_tables(from.state.descriptors, to.state.descriptors), compare_files(state, from.state.files, to.state.files)};
}

}  // namespace rollpoint::snapshot
