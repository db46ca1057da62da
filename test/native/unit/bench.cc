// Measures the page store, page tables and readers on the sizes of the design: 512 MiB, 1 % dirty. Prints, judges nothing.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "check.h"
#include "memory/maps.h"
#include "memory/page_table.h"
#include "memory/pagemap.h"
#include "util/hash.h"

using namespace rollpoint::memory;

namespace {

constexpr size_t kProcess = 131072, kDirty = 1311;

/// Median of several runs in microseconds; `prepare` is not counted.
template <class Prepare, class Work>
double median(int runs, Prepare prepare, Work work) {
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    prepare();
    const auto start = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}
const auto nothing = [] {};

void fill(std::vector<std::byte>& pages, check::Random& random) {
  for (size_t at = 0; at < pages.size(); at += 8) {
    const uint64_t word = random.next();
    std::memcpy(pages.data() + at, &word, 8);
  }
}

}  // namespace

int main() {
  check::Random random(8);
  std::vector<std::byte> fresh(kDirty * kPageSize);
  fill(fresh, random);
  uint64_t sum = 0;
  const double hash = median(51, nothing, [&] {
    for (size_t i = 0; i < kDirty; ++i) sum += rollpoint::util::hash_page(fresh.data() + (i % 64) * kPageSize);
  });
  const double hash_all = median(51, nothing, [&] {
    for (size_t i = 0; i < kDirty; ++i) sum += rollpoint::util::hash_page(fresh.data() + i * kPageSize);
  });
  std::vector<std::byte> zeros(kDirty * kPageSize);
  const double zero = median(51, nothing, [&] {
    for (size_t i = 0; i < kDirty; ++i) sum += rollpoint::util::is_zero_page(zeros.data() + i * kPageSize);
  });
  const double bytes = kDirty * kPageSize;
  std::printf("hash, in cache                    %7.1f us  %5.1f GB/s\n", hash, bytes / hash / 1e3);
  std::printf("hash, 5.4 MB                      %7.1f us  %5.1f GB/s\n", hash_all, bytes / hash_all / 1e3);
  std::printf("zero test                         %7.1f us  %5.1f GB/s\n", zero, bytes / zero / 1e3);

  PageStore store;
  PageTablePool pool(store);
  double cold = median(1, nothing, [&] { store.reserve(kProcess + 100 * kDirty); });
  std::printf("reserve %zu pages              %7.1f us  %5.2f us/MiB\n", store.free_pages(), cold, cold / (store.free_pages() / 256.0));
  std::vector<PageId> ids(kDirty);
  const auto refill = [&] {
    store.reserve(kDirty);
    fill(fresh, random);
  };
  const auto insert = [&] {
    for (size_t i = 0; i < kDirty; ++i) ids[i] = store.insert(fresh.data() + i * kPageSize);
  };
  const auto drop = [&] {
    for (PageId id : ids) store.release(id);
  };
  std::printf("insert 1311 new pages             %7.1f us\n", median(51, refill, insert));
  std::printf("insert 1311 known pages           %7.1f us\n", median(51, nothing, insert));
  std::printf("insert_or_same, right guess       %7.1f us\n", median(51, nothing, [&] {
                for (size_t i = 0; i < kDirty; ++i) ids[i] = store.insert_or_same(fresh.data() + i * kPageSize, ids[i]);
              }));
  refill();
  insert();
  std::printf("release 1311 pages                %7.1f us\n", median(1, nothing, drop));

  // A table that names each page of the process, and snapshots of it, each with scattered changes.
  PageTable full(pool);
  uint64_t seed = 0;
  std::byte page[kPageSize] = {};
  const auto unique = [&] {
    std::memcpy(page, &++seed, sizeof seed);
    return store.insert(page);
  };
  constexpr uint64_t kFirst = 0x7ffff0000;
  for (size_t i = 0; i < kProcess; ++i) full.set(kFirst + i, unique());
  std::vector<uint64_t> dirty;
  while (dirty.size() < kDirty) dirty.push_back(kFirst + random.below(kProcess));
  std::sort(dirty.begin(), dirty.end());
  PageTable next(pool);
  const auto copy = [&] {
    next = full;
    for (PageId& id : ids) id = unique();
    pool.reserve(2 * kDirty);
  };
  const auto set = [&] {
    for (size_t i = 0; i < kDirty; ++i) next.set(dirty[i], ids[i]);
  };
  std::printf("set 1311 scattered, full table    %7.1f us", median(21, copy, set));
  std::printf("  (%zu KiB of nodes)\n", next.bytes_held() / 1024);
  PageTable sparse(pool);
  for (size_t i = 0; i < kDirty; ++i) sparse.set(kFirst + random.below(kProcess), unique());
  PageTable child(pool);
  const auto copy_sparse = [&] {
    child = sparse;
    for (PageId& id : ids) id = unique();
    pool.reserve(2 * kDirty);
  };
  std::printf("set 1311 scattered, sparse table  %7.1f us\n", median(21, copy_sparse, [&] {
                for (size_t i = 0; i < kDirty; ++i) child.set(dirty[i], ids[i]);
              }));
  const double find = median(21, nothing, [&] {
    for (size_t i = 0; i < kDirty; ++i) sum += static_cast<uint64_t>(full.find(dirty[i]));
  });
  std::printf("find 1311 scattered               %7.1f us  %5.1f ns each\n", find, find * 1e3 / kDirty);
  const double diff = median(21, nothing, [&] { for_each_difference(full, next, [&](uint64_t at, PageId, PageId) { sum += at; }); });
  std::printf("difference of 1311                %7.1f us\n", diff);
  const double walk = median(21, nothing, [&] { full.for_each([&](uint64_t at, PageId) { sum += at; }); });
  std::printf("for_each over 131072              %7.1f us  %5.1f ns each\n", walk, walk * 1e3 / kProcess);
  const double dropped = median(1, nothing, [&] { next.clear(); });
  std::printf("drop a snapshot's table           %7.1f us\n", dropped);

  auto maps = read_maps(getpid());
  const double read = median(51, nothing, [&] { maps = read_maps(getpid()); });
  std::printf("read_maps, %zu mappings            %7.1f us\n", maps.size(), read);
  std::printf("read_smaps_flags, %zu MiB resident %7.1f us\n", store.bytes_held() >> 20,
              median(5, nothing, [&] { sum += read_smaps_flags(getpid()).size(); }));
  auto* const area = static_cast<std::byte*>(
      mmap(nullptr, kProcess * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  madvise(area, kProcess * kPageSize, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < kProcess; i += 3) area[i * kPageSize] = std::byte{1};
  const rollpoint::util::Range range{reinterpret_cast<uint64_t>(area), reinterpret_cast<uint64_t>(area) + kProcess * kPageSize};
  for (bool classic : {false, true}) {
    Pagemap pagemap(getpid(), classic ? Pagemap::Path::kClassic : Pagemap::Path::kBest);
    const char* name = classic ? "classic" : "scan";
    std::printf("present_ranges, 512 MiB, %-8s %7.1f us\n", name,
                median(11, nothing, [&] { sum += pagemap.present_ranges(range).size(); }));
    std::printf("present_private_ranges, %-9s %7.1f us\n", name,
                median(11, nothing, [&] { sum += pagemap.present_private_ranges(range).size(); }));
  }
  return sum == 0;
}
