// RangeSet and the page hash, the first against a plain bitmap.
#include <bitset>
#include <cstring>
#include <set>

#include "check.h"
#include "util/hash.h"
#include "util/range_set.h"

using rollpoint::util::Range;
using rollpoint::util::RangeSet;

namespace {

constexpr size_t kUniverse = 300;
using Bitmap = std::bitset<kUniverse>;

Bitmap to_bitmap(const RangeSet& set) {
  Bitmap bitmap;
  uint64_t previous_end = 0;
  bool first = true;
  for (const Range& range : set) {
    CHECK(!range.empty());
    CHECK(first || range.start > previous_end);  // sorted, disjoint, merged
    first = false;
    previous_end = range.end;
    for (uint64_t at = range.start; at < range.end; ++at) bitmap.set(at);
  }
  return bitmap;
}

void add_both(RangeSet& set, Bitmap& bitmap, uint64_t start, uint64_t end) {
  set.add(start, end);
  for (uint64_t at = start; at < end; ++at) bitmap.set(at);
}

void appends_merge_neighbours() {
  RangeSet set;
  set.add(10, 20);
  set.add(20, 30);
  set.add(30, 30);
  set.add(40, 50);
  CHECK(set.size() == 2 && set.bytes() == 30);
  CHECK((set == RangeSet{{10, 30}, {40, 50}}));
  CHECK(set.contains(10) && set.contains(29) && !set.contains(30) && !set.contains(9) && set.contains(49));
  CHECK(set.find(45)->start == 40 && set.find(35) == nullptr);
  set.add(0, 60);
  CHECK((set == RangeSet{{0, 60}}));
  set.clear();
  CHECK(set.empty() && set.bytes() == 0 && !set.contains(0) && !set.overlaps({0, 100}));
}

void random_sets_match_a_bitmap() {
  check::Random random(1);
  for (int round = 0; round < 3000; ++round) {
    RangeSet a, b;
    Bitmap in_a, in_b;
    const uint64_t adds = random.below(25);
    for (uint64_t i = 0; i < adds; ++i) {
      const uint64_t start = random.below(kUniverse - 20);
      add_both(a, in_a, start, start + random.below(20));
      const uint64_t other = random.below(kUniverse - 20);
      add_both(b, in_b, other, other + random.below(20));
    }
    CHECK(to_bitmap(a) == in_a && to_bitmap(b) == in_b);
    CHECK(a.bytes() == in_a.count());
    CHECK(to_bitmap(subtract(a, b)) == (in_a & ~in_b));
    CHECK(to_bitmap(intersect(a, b)) == (in_a & in_b));
    CHECK(to_bitmap(unite(a, b)) == (in_a | in_b));
    for (uint64_t at = 0; at < kUniverse; ++at) CHECK(a.contains(at) == in_a.test(at));
    const uint64_t start = random.below(kUniverse), end = start + random.below(kUniverse - start);
    bool any = false, all = true;
    for (uint64_t at = start; at < end; ++at) in_a.test(at) ? any = true : all = false;
    CHECK(a.overlaps({start, end}) == any);
    CHECK(a.covers({start, end}) == all);
  }
}

void hash_tells_small_differences_apart() {
  alignas(64) std::byte page[rollpoint::util::kHashBlock] = {};
  CHECK(rollpoint::util::is_zero_page(page));
  std::set<uint64_t> seen{rollpoint::util::hash_page(page)};
  size_t expected = 1;
  for (size_t bit = 0; bit < sizeof page * 8; bit += 7) {
    page[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK(!rollpoint::util::is_zero_page(page));
    seen.insert(rollpoint::util::hash_page(page) & 0xffffffff00000000);
    page[bit / 8] ^= std::byte{1} << (bit % 8);
    ++expected;
  }
  // Pairs of top bits, such as signs of numbers: they cancel out in weak multiplicative hashes.
  for (size_t first = 7; first < 512; first += 8)
    for (size_t second = first + 64; second < sizeof page; second += 64) {
      page[first] ^= std::byte{0x80};
      page[second] ^= std::byte{0x80};
      seen.insert(rollpoint::util::hash_page(page) & 0xffffffff00000000);
      page[first] ^= std::byte{0x80};
      page[second] ^= std::byte{0x80};
      ++expected;
    }
  // Half of the hash is looked at: a handful of collisions may happen by chance, more may not.
  CHECK(seen.size() + 3 >= expected);
}

void hash_ignores_alignment() {
  std::vector<std::byte> buffer(2 * rollpoint::util::kHashBlock);
  check::Random random(2);
  for (auto& byte : buffer) byte = static_cast<std::byte>(random.next());
  const uint64_t hash = rollpoint::util::hash_page(buffer.data());
  for (size_t shift : {1, 8, 33}) {
    std::vector<std::byte> moved(buffer.size());
    std::memcpy(moved.data() + shift, buffer.data(), rollpoint::util::kHashBlock);
    CHECK(rollpoint::util::hash_page(moved.data() + shift) == hash);
  }
}

}  // namespace

int main() {
  return check::run({
      {"range set: appends merge neighbours", appends_merge_neighbours},
      {"range set: random sets match a bitmap", random_sets_match_a_bitmap},
      {"hash: tells small differences apart", hash_tells_small_differences_apart},
      {"hash: ignores alignment", hash_ignores_alignment},
  });
}
