// PageTable: families of shared tables against std::map, and the references they hold.
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "check.h"
#include "memory/page_table.h"

using namespace rollpoint::memory;

namespace {

using Model = std::map<uint64_t, PageId>;

PageId stored(PageStore& store, uint64_t seed) {
  std::byte page[kPageSize];
  std::memset(page, 0, sizeof page);
  const uint64_t word = seed + 1;
  std::memcpy(page, &word, sizeof word);
  return store.insert(page);
}

Model contents(const PageTable& table) {
  Model found;
  uint64_t previous = 0;
  table.for_each([&](uint64_t page, PageId id) {
    CHECK(found.empty() || page > previous);
    CHECK(id != PageId::kInBase);
    previous = page;
    found[page] = id;
  });
  return found;
}

void check_difference(const PageTable& a, const Model& in_a, const PageTable& b, const Model& in_b) {
  std::map<uint64_t, std::pair<PageId, PageId>> expected, found;
  for (const auto& [page, id] : in_a) expected[page].first = id;
  for (const auto& [page, id] : in_b) expected[page].second = id;
  std::erase_if(expected, [](const auto& entry) { return entry.second.first == entry.second.second; });
  uint64_t previous = 0;
  for_each_difference(a, b, [&](uint64_t page, PageId id_a, PageId id_b) {
    CHECK(found.empty() || page > previous);
    previous = page;
    found[page] = {id_a, id_b};
  });
  CHECK(found == expected);
}

/// Page numbers crowded around a few places, as in an address space, so that nodes get full and empty again.
uint64_t some_page(check::Random& random) {
  static const uint64_t kPlaces[] = {0, 0x400, 0x555555554, 0x7ffff7d00, 0x7fffffff0, PageTable::kEndPage - 400};
  return kPlaces[random.below(6)] + random.below(400);
}

void an_empty_table_holds_nothing() {
  PageStore store;
  PageTablePool pool(store);
  PageTable table(pool);
  CHECK(table.empty() && table.find(0) == PageId::kInBase && table.find(PageTable::kEndPage - 1) == PageId::kInBase);
  CHECK(contents(table).empty() && table.bytes_held() == 0);
  table.set(5, PageId::kInBase);
  CHECK(table.empty() && pool.nodes() == 0);
  CHECK_THROWS(table.set(PageTable::kEndPage, PageId::kAbsent));
}

void a_copy_shares_until_changed() {
  PageStore store;
  PageTablePool pool(store);
  PageTable first(pool);
  for (uint64_t page = 0; page < 100000; ++page) first.set(page, stored(store, page));
  const size_t nodes = pool.nodes();
  const PageId before = first.find(500);
  PageTable second(first);
  CHECK(pool.nodes() == nodes && second.bytes_held() == 0 && store.references(before) == 1);
  second.set(500, stored(store, 7000000));
  CHECK(pool.nodes() == nodes + 6);
  CHECK(first.find(500) == before && second.find(500) != before && second.find(501) == first.find(501));
  second.set(501, [&] { store.add_ref(first.find(501)); return first.find(501); }());
  CHECK(pool.nodes() == nodes + 6);
  int differences = 0;
  for_each_difference(first, second, [&](uint64_t page, PageId, PageId) { differences += page == 500 ? 1 : 1000; });
  CHECK(differences == 1);
  first.clear();
  CHECK(store.pages() == 100000);  // page 500 of the first went, the second's came
  second.clear();
  CHECK(store.pages() == 0 && pool.nodes() == 0);
}

void setting_the_same_again_unshares_nothing() {
  PageStore store;
  PageTablePool pool(store);
  PageTable first(pool);
  first.set(77, stored(store, 1));
  PageTable second(first);
  second.set(77, stored(store, 1));
  CHECK(second.bytes_held() == 0 && store.references(first.find(77)) == 1);
}

void whole_ranges_are_absent_at_the_price_of_a_few_nodes() {
  PageStore store;
  PageTablePool pool(store);
  PageTable table(pool);
  table.set(1000, stored(store, 1));
  table.set_range(3, uint64_t{1} << 30, PageId::kAbsent);
  CHECK(store.pages() == 0 && pool.nodes() < 24);
  CHECK(table.find(2) == PageId::kInBase && table.find(3) == PageId::kAbsent && table.find(1000) == PageId::kAbsent);
  CHECK(table.find((1 << 30) - 1) == PageId::kAbsent && table.find(1 << 30) == PageId::kInBase);
  PageTable copy(table);
  copy.set(123456, stored(store, 2));
  copy.set_range(200000, 200001, PageId::kZero);
  std::set<uint64_t> differ;
  for_each_difference(table, copy, [&](uint64_t page, PageId, PageId) { differ.insert(page); });
  CHECK((differ == std::set<uint64_t>{123456, 200000}));
  copy.set_range(0, PageTable::kEndPage, PageId::kInBase);
  table.set_range(0, PageTable::kEndPage, PageId::kInBase);
  CHECK(copy.empty() && table.empty() && store.pages() == 0);
  table.set_range(0, PageTable::kEndPage, PageId::kAbsent);
  pool.trim();
  CHECK(table.find(99) == PageId::kAbsent);
  table.clear();
  pool.trim();
  CHECK(pool.nodes() == 0);
  table.set(1, PageId::kZero);
  CHECK(table.find(1) == PageId::kZero);
  CHECK_THROWS(table.set_range(0, 1, static_cast<PageId>(3)));
}

void random_families_match_maps() {
  PageStore store;
  {
    PageTablePool pool(store);
    std::vector<std::pair<PageTable, Model>> family;
    family.emplace_back(PageTable(pool), Model{});
    check::Random random(4);
    for (int step = 0; step < 40000; ++step) {
      auto& [table, model] = family[random.below(family.size())];
      const uint64_t page = some_page(random);
      switch (random.below(12)) {
        case 0:
          table.set(page, PageId::kInBase);
          model.erase(page);
          break;
        case 1:
          table.set(page, PageId::kAbsent);
          model[page] = PageId::kAbsent;
          break;
        case 2: {
          const uint64_t end = std::min(page + random.below(300), PageTable::kEndPage);
          const PageId id = static_cast<PageId>(random.below(3));
          table.set_range(page, end, id);
          for (uint64_t at = page; at < end; ++at)
            if (id == PageId::kInBase)
              model.erase(at);
            else
              model[at] = id;
          break;
        }
        case 3:
          if (step % 5 == 0 && family.size() < 12) {
            auto copy = family[random.below(family.size())];
            family.push_back(std::move(copy));
          } else if (step % 5 == 1 && family.size() > 3) {
            family.erase(family.begin() + static_cast<long>(random.below(family.size())));
          } else if (step % 5 == 2) {
            const auto& source = family[random.below(family.size())];
            auto& target = family[random.below(family.size())];
            target = source;
          }
          break;
        default: {
          const PageId id = stored(store, random.below(500));
          table.set(page, id);
          model[page] = id;
        }
      }
      if (step % 200 == 0) {
        const auto& [a, in_a] = family[random.below(family.size())];
        const auto& [b, in_b] = family[random.below(family.size())];
        CHECK(contents(a) == in_a);
        check_difference(a, in_a, b, in_b);
        const uint64_t first = some_page(random), end = first + random.below(500);
        Model part;
        a.for_each(first, end, [&](uint64_t at, PageId id) { part[at] = id; });
        CHECK(part == Model(in_a.lower_bound(first), in_a.lower_bound(end)));
        for (int i = 0; i < 50; ++i) {
          const uint64_t at = some_page(random);
          const auto expected = in_a.find(at);
          CHECK(a.find(at) == (expected == in_a.end() ? PageId::kInBase : expected->second));
        }
      }
    }
    // Exactly the pages that some table names are still stored, and all of them are there.
    std::set<PageId> named;
    for (const auto& [table, model] : family)
      for (const auto& [page, id] : model)
        if (is_stored(id)) named.insert(id);
    CHECK(store.pages() == named.size());
    for (PageId id : named) CHECK(store.references(id) > 0);
    family.clear();
    CHECK(store.pages() == 0);
    pool.trim();
    CHECK(pool.nodes() == 0 && pool.bytes_held() == 0);
  }
}

}  // namespace

int main() {
  return check::run({
      {"page table: an empty table holds nothing", an_empty_table_holds_nothing},
      {"page table: a copy shares until changed", a_copy_shares_until_changed},
      {"page table: setting the same again unshares nothing", setting_the_same_again_unshares_nothing},
      {"page table: whole ranges are absent at the price of a few nodes",
       whole_ranges_are_absent_at_the_price_of_a_few_nodes},
      {"page table: random families match maps", random_families_match_maps},
  });
}
