// PageStore: contents, reference counts, deduplication and the return of memory, against a plain model.
#include <cstring>
#include <map>
#include <string>

#include "check.h"
#include "memory/page_store.h"

using namespace rollpoint::memory;

namespace {

/// A page told apart by `seed`; 0 gives the zero page.
std::string content(uint64_t seed) {
  std::string page(kPageSize, '\0');
  if (seed == 0) return page;
  check::Random random(seed);
  for (size_t at = 0; at < kPageSize; at += 8) {
    const uint64_t word = random.next();
    std::memcpy(page.data() + at, &word, 8);
  }
  return page;
}

const std::byte* bytes(const std::string& page) { return reinterpret_cast<const std::byte*>(page.data()); }
bool holds(const PageStore& store, PageId id, const std::string& page) {
  return std::memcmp(store.data(id), page.data(), kPageSize) == 0;
}

void equal_pages_share_one_id() {
  PageStore store;
  const PageId a = store.insert(bytes(content(1))), b = store.insert(bytes(content(2)));
  const PageId again = store.insert(bytes(content(1)));
  CHECK(a == again && a != b && is_stored(a) && store.references(a) == 2 && store.pages() == 2);
  CHECK(holds(store, a, content(1)) && holds(store, b, content(2)));
  CHECK(reinterpret_cast<uintptr_t>(store.data(a)) % kPageSize == 0);
  store.release(a);
  CHECK(store.pages() == 2 && holds(store, a, content(1)));
  store.release(a);
  store.release(b);
  CHECK(store.pages() == 0 && store.bytes() == 0);
}

void zero_pages_take_no_room() {
  PageStore store;
  CHECK(store.insert(bytes(content(0))) == PageId::kAbsent);
  CHECK(store.insert(bytes(content(0)), PageId::kZero) == PageId::kZero);
  CHECK(store.insert_or_same(bytes(content(0)), PageId::kInBase) == PageId::kAbsent);
  CHECK(store.pages() == 0);
  for (PageId id : {PageId::kInBase, PageId::kAbsent, PageId::kZero}) {
    store.add_ref(id);
    store.release(id);
    CHECK(holds(store, id, content(0)));
  }
  std::string nearly = content(0);
  nearly.back() = 1;
  const PageId id = store.insert(bytes(nearly));
  CHECK(is_stored(id));
  store.release(id);
}

void a_good_guess_adds_a_reference() {
  PageStore store;
  const PageId a = store.insert(bytes(content(1)));
  CHECK(store.insert_or_same(bytes(content(1)), a) == a && store.references(a) == 2);
  const PageId b = store.insert_or_same(bytes(content(2)), a);
  CHECK(b != a && store.references(a) == 2);
  CHECK(store.insert_or_same(bytes(content(1)), b) == a && store.references(a) == 3);
}

void marks_count_new_pages_only() {
  PageStore store;
  store.insert(bytes(content(1)));
  const uint64_t mark = store.mark();
  store.insert(bytes(content(1)));
  store.insert(bytes(content(0)));
  CHECK(store.created_since(mark) == 0);
  store.insert(bytes(content(2)));
  store.insert(bytes(content(3)));
  CHECK(store.created_since(mark) == 2);
}

void reserved_room_is_used_before_growing() {
  PageStore store;
  store.reserve(3000);
  const uint64_t held = store.bytes_held();
  CHECK(store.free_pages() >= 3000 && held >= 3000 * kPageSize);
  for (uint64_t i = 1; i <= 3000; ++i) store.insert(bytes(content(i)));
  CHECK(store.bytes_held() == held && store.pages() == 3000);
}

void freed_slabs_go_back_to_the_kernel() {
  PageStore store;
  std::vector<PageId> ids;
  for (uint64_t i = 1; i <= 20000; ++i) ids.push_back(store.insert(bytes(content(i))));
  const uint64_t full = store.bytes_held();
  for (size_t i = 0; i < ids.size(); ++i)
    if (i != 5 && i != 19999) store.release(ids[i]);
  CHECK(store.pages() == 2 && store.bytes_held() < full / 3);
  CHECK(holds(store, ids[5], content(6)) && holds(store, ids[19999], content(20000)));
  for (uint64_t i = 30001; i <= 50000; ++i) ids.push_back(store.insert(bytes(content(i))));
  CHECK(store.bytes_held() <= full + (8 << 20));
  CHECK(holds(store, ids[5], content(6)) && holds(store, ids.back(), content(50000)));
  for (size_t i = 20000; i < ids.size(); ++i) store.release(ids[i]);
  store.release(ids[5]);
  store.release(ids[19999]);
  store.trim();
  CHECK(store.pages() == 0 && store.bytes_held() < 1 << 20);
  CHECK(is_stored(store.insert(bytes(content(1)))));
}

void random_work_matches_a_model() {
  PageStore store;
  std::map<uint64_t, std::pair<PageId, uint32_t>> model;  // seed -> id, references
  check::Random random(3);
  uint64_t created = 0;
  for (int step = 0; step < 60000; ++step) {
    // Phases of growth and of shrinking, so that slabs come and go.
    const bool grow = (step / 10000) % 2 == 0 ? random.below(10) < 8 : random.below(10) < 3;
    if (grow || model.empty()) {
      const uint64_t seed = 1 + random.below(9000);
      auto& [id, references] = model[seed];
      const PageId guess = references ? id : PageId::kInBase;
      const PageId got = random.below(2) ? store.insert(bytes(content(seed)))
                                         : store.insert_or_same(bytes(content(seed)), guess);
      CHECK(references == 0 || got == id);
      if (references == 0) ++created;
      id = got;
      ++references;
    } else {
      auto at = model.lower_bound(1 + random.below(9000));
      if (at == model.end()) at = model.begin();
      CHECK(holds(store, at->second.first, content(at->first)));
      store.release(at->second.first);
      if (--at->second.second == 0) model.erase(at);
    }
    CHECK(store.pages() == model.size());
    if (step % 10000 == 9999)
      for (const auto& [seed, entry] : model) {
        CHECK(store.references(entry.first) == entry.second);
        CHECK(holds(store, entry.first, content(seed)));
      }
  }
  CHECK(store.created_since(0) == created);
}

}  // namespace

int main() {
  return check::run({
      {"page store: equal pages share one id", equal_pages_share_one_id},
      {"page store: zero pages take no room", zero_pages_take_no_room},
      {"page store: a good guess adds a reference", a_good_guess_adds_a_reference},
      {"page store: marks count new pages only", marks_count_new_pages_only},
      {"page store: reserved room is used before growing", reserved_room_is_used_before_growing},
      {"page store: freed slabs go back to the kernel", freed_slabs_go_back_to_the_kernel},
      {"page store: random work matches a model", random_work_matches_a_model},
  });
}
