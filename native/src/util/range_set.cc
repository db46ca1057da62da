// Set algebra over sorted address ranges. Pure values, see range_set.h.
#include "util/range_set.h"

#include <algorithm>

namespace rollpoint::util {

RangeSet::const_iterator RangeSet::first_ending_after(uint64_t address) const {
  return std::upper_bound(ranges_.begin(), ranges_.end(), address,
                          [](uint64_t at, const Range& range) { return at < range.end; });
}

const Range* RangeSet::find(uint64_t address) const {
  const auto at = first_ending_after(address);
  return at != ranges_.end() && at->start <= address ? &*at : nullptr;
}

bool RangeSet::overlaps(Range range) const {
  if (range.empty()) return false;
  const auto at = first_ending_after(range.start);
  return at != ranges_.end() && at->start < range.end;
}

bool RangeSet::covers(Range range) const {
  if (range.empty()) return true;
  const Range* at = find(range.start);
  return at && range.end <= at->end;
}

uint64_t RangeSet::bytes() const {
  uint64_t sum = 0;
  for (const Range& range : ranges_) sum += range.bytes();
  return sum;
}

void RangeSet::insert_unordered(Range range) {
  // The run of ranges that overlap or touch the new one is replaced by their union.
  const auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.start,
                                      [](const Range& other, uint64_t start) { return other.end < start; });
  auto last = first;
  while (last != ranges_.end() && last->start <= range.end) {
    range.start = std::min(range.start, last->start);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  if (first == last) {
    ranges_.insert(first, range);
  } else {
    *first = range;
    ranges_.erase(first + 1, last);
  }
}

RangeSet subtract(const RangeSet& a, const RangeSet& b) {
  RangeSet result;
  auto cut = b.begin();
  for (const Range& range : a) {
    uint64_t at = range.start;
    while (cut != b.end() && cut->end <= at) ++cut;
    for (; cut != b.end() && cut->start < range.end; ++cut) {
      result.add(at, cut->start);
      at = cut->end;
      if (at >= range.end) break;  // this cut may reach into the next range too
    }
    result.add(at, range.end);
  }
  return result;
}

RangeSet intersect(const RangeSet& a, const RangeSet& b) {
  RangeSet result;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    result.add(std::max(x->start, y->start), std::min(x->end, y->end));
    if (x->end < y->end)
      ++x;
    else
      ++y;
  }
  return result;
}

RangeSet unite(const RangeSet& a, const RangeSet& b) {
  RangeSet result;
  auto x = a.begin(), y = b.begin();
  while (x != a.end() || y != b.end()) {
    if (y == b.end() || (x != a.end() && x->start <= y->start))
      result.add(*x++);
    else
      result.add(*y++);
  }
  return result;
}

}  // namespace rollpoint::util
