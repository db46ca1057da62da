// Sorted, disjoint, half-open address ranges and their set algebra.
// Pure values: knows nothing of processes, pages or the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rollpoint::util {

/// Addresses from `start` up to, not including, `end`.
struct Range {
  uint64_t start = 0;
  uint64_t end = 0;

  uint64_t bytes() const { return end - start; }
  bool empty() const { return end <= start; }
  bool contains(uint64_t address) const { return address >= start && address < end; }
  bool operator==(const Range&) const = default;
};

class RangeSet {
 public:
  using const_iterator = std::vector<Range>::const_iterator;

  RangeSet() = default;
  RangeSet(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) add(range);
  }

  /// Adds addresses; touching and overlapping ranges become one. Amortised O(1) when `range` does not
  /// begin before the last one, O(n) otherwise. An empty range is ignored.
  void add(Range range) {
    if (range.empty()) return;
    if (ranges_.empty() || range.start > ranges_.back().end) {
      ranges_.push_back(range);
    } else if (range.start >= ranges_.back().start) {
      if (range.end > ranges_.back().end) ranges_.back().end = range.end;
    } else {
      insert_unordered(range);
    }
  }
  void add(uint64_t start, uint64_t end) { add(Range{start, end}); }

  /// O(log n).
  bool contains(uint64_t address) const { return find(address) != nullptr; }
  /// The range that holds `address`, or nullptr. O(log n). Valid until the set changes.
  const Range* find(uint64_t address) const;
  /// Whether any address of `range` is in the set. O(log n).
  bool overlaps(Range range) const;
  /// Whether all addresses of `range` are in the set. O(log n).
  bool covers(Range range) const;

  const_iterator begin() const { return ranges_.begin(); }
  const_iterator end() const { return ranges_.end(); }
  size_t size() const { return ranges_.size(); }
  bool empty() const { return ranges_.empty(); }
  uint64_t bytes() const;
  void clear() { ranges_.clear(); }
  void reserve(size_t ranges) { ranges_.reserve(ranges); }

  bool operator==(const RangeSet&) const = default;

 private:
  const_iterator first_ending_after(uint64_t address) const;
  void insert_unordered(Range range);

  std::vector<Range> ranges_;
};

/// All three are linear in the number of ranges of both.
RangeSet subtract(const RangeSet& a, const RangeSet& b);
RangeSet intersect(const RangeSet& a, const RangeSet& b);
RangeSet unite(const RangeSet& a, const RangeSet& b);

}  // namespace rollpoint::util
