// RangeSet and the page hash, the first against a plain bitmap.
#include <bitset>
#include <cstring>
#include <set>

#include "check.h"
#include "util/hash.h"
#include "util/range_set.h"

using rollpoint::util::hash_page;
using rollpoint::util::hash_page_portable;
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

using Hash = uint64_t (*)(const std::byte*);

void hash_tells_small_differences_apart(Hash hash) {
  // Half of the hash is looked at, as the page store does; chance then allows for a collision or two.
  std::byte page[rollpoint::util::kHashBlock] = {};
  for (int background : {0, 1, 0xff}) {
    std::memset(page, background, sizeof page);
    size_t expected = 1;
    std::set<uint32_t> seen{static_cast<uint32_t>(hash(page))};
    const auto note = [&] {
      seen.insert(static_cast<uint32_t>(hash(page)));
      ++expected;
    };
    for (size_t bit = 0; bit < sizeof page * 8; bit += 7) {
      page[bit / 8] ^= std::byte{1} << (bit % 8);
      note();
      page[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    // Pairs of top bits, such as signs of numbers: they cancel out in weak multiplicative hashes.
    for (size_t first = 7; first < 512; first += 8)
      for (size_t second = first + 64; second < sizeof page; second += 64) {
        page[first] ^= std::byte{0x80};
        page[second] ^= std::byte{0x80};
        note();
        page[first] ^= std::byte{0x80};
        page[second] ^= std::byte{0x80};
      }
    // The same few words in another place or order.
    for (size_t first = 0; first < sizeof page; first += 64)
      for (size_t second = first + 8; second < sizeof page; second += 264) {
        const std::byte before[2] = {page[first], page[second]};
        page[first] ^= std::byte{3};
        page[second] ^= std::byte{5};
        note();
        page[first] = before[0] ^ std::byte{5};
        page[second] = before[1] ^ std::byte{3};
        note();
        page[first] = before[0];
        page[second] = before[1];
      }
    CHECK(expected > 8000 && seen.size() + 3 >= expected);
  }
}

void zero_is_told_from_nearly_zero() {
  std::byte page[rollpoint::util::kHashBlock] = {};
  CHECK(rollpoint::util::is_zero_page(page));
  for (size_t at = 0; at < sizeof page; ++at) {
    page[at] = std::byte{0x10};
    CHECK(!rollpoint::util::is_zero_page(page));
    page[at] = std::byte{0};
  }
}

void hash_ignores_alignment(Hash hash) {
  std::vector<std::byte> buffer(2 * rollpoint::util::kHashBlock);
  check::Random random(2);
  for (auto& byte : buffer) byte = static_cast<std::byte>(random.next());
  for (size_t shift : {1, 8, 33}) {
    std::vector<std::byte> moved(buffer.size());
    std::memcpy(moved.data() + shift, buffer.data(), rollpoint::util::kHashBlock);
    CHECK(hash(moved.data() + shift) == hash(buffer.data()));
  }
}

}  // namespace

int main() {
  return check::run({
      {"range set: appends merge neighbours", appends_merge_neighbours},
      {"range set: random sets match a bitmap", random_sets_match_a_bitmap},
      {"hash: tells small differences apart", [] { hash_tells_small_differences_apart(hash_page); }},
      {"hash: ignores alignment", [] { hash_ignores_alignment(hash_page); }},
      {"hash: the portable one tells small differences apart",
       [] { hash_tells_small_differences_apart(hash_page_portable); }},
      {"hash: the portable one ignores alignment", [] { hash_ignores_alignment(hash_page_portable); }},
      {"hash: zero is told from nearly zero", zero_is_told_from_nearly_zero},
  });
}
