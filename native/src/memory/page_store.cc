// Slabs, reference counts and the dedup index of the page store. See page_store.h.
#include "memory/page_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "util/error.h"
#include "util/hash.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace rollpoint::memory {
namespace {

alignas(kPageSize) constexpr std::byte kZeroPage[kPageSize] = {};

void populate(std::byte* memory, size_t bytes) {
  if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0) return;
  if (errno == ENOMEM || errno == EFAULT) throw util::SysError("populate page store", ENOMEM);
  for (size_t at = 0; at < bytes; at += kPageSize) static_cast<volatile std::byte*>(memory)[at] = std::byte{0};
}

// Past the caches: a stored page is not read soon, and fetching the lines only to overwrite them would
// take as long as the copy itself.
void copy_page(std::byte* to, const std::byte* from) {
#ifdef __SSE2__
  auto* target = reinterpret_cast<__m128i*>(to);
  auto* source = reinterpret_cast<const __m128i*>(from);
  for (size_t left = kPageSize / 64; left > 0; --left, target += 4, source += 4) {
    const __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
    const __m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
#else
  std::memcpy(to, from, kPageSize);
#endif
}

// Aligned to its size, so that huge pages fit and one slab can be unmapped alone.
std::byte* map_slab(size_t bytes) {
  void* const area = mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (area == MAP_FAILED) throw util::SysError("mmap page store", errno);
  auto* const begin = static_cast<std::byte*>(area);
  auto* const memory = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(begin) + bytes - 1) & ~(bytes - 1));
  if (memory != begin) munmap(begin, static_cast<size_t>(memory - begin));
  munmap(memory + bytes, static_cast<size_t>(begin + bytes - memory));
  // Without DONTFORK every child of our own process would pay for the page tables of the whole store,
  // and each insert after it for a copy-on-write fault.
  madvise(memory, bytes, MADV_DONTFORK);
  madvise(memory, bytes, MADV_DONTDUMP);
  madvise(memory, bytes, MADV_HUGEPAGE);
  try {
    populate(memory, bytes);
  } catch (...) {
    munmap(memory, bytes);
    throw;
  }
  return memory;
}

}  // namespace

const std::byte* PageStore::zero_page() { return kZeroPage; }

PageStore::PageStore() = default;

PageStore::~PageStore() {
  for (Slab& slab : slabs_)
    if (slab.memory) munmap(slab.memory, kSlabBytes);
}

PageId PageStore::insert(const std::byte* page, PageId if_zero) {
  if (util::is_zero_page(page)) return if_zero;
  if (live_ == capacity_) grow(std::clamp<size_t>(slabs_.size() / 8, 1, 4));
  const uint32_t tag = static_cast<uint32_t>(util::hash_page(page));
  const size_t mask = index_.size() - 1;
  size_t at = tag & mask;
  // The index is too big for the caches. Most pages are new: copying to the next free slot at once hides
  // the wait for the index; should the content be known, the slot just stays free.
  __builtin_prefetch(&index_[at]);
  const PageId next = id_of(next_slot());
  copy_page(const_cast<std::byte*>(data(next)), page);
  for (; index_[at].page != 0; at = (at + 1) & mask) {
    if (index_[at].tag != tag) continue;
    const PageId id = static_cast<PageId>(index_[at].page);
    if (std::memcmp(data(id), page, kPageSize) == 0) {
      ++meta(id).references;
      return id;
    }
  }
  take_slot(index_of(next));
  meta(next) = {1, tag};
  index_[at] = {tag, static_cast<uint32_t>(next)};
  ++created_;
  return next;
}

PageId PageStore::insert_or_same(const std::byte* page, PageId likely, PageId if_zero) {
  if (is_stored(likely) && std::memcmp(data(likely), page, kPageSize) == 0) {
    add_ref(likely);
    return likely;
  }
  return insert(page, if_zero);
}

void PageStore::reserve(size_t pages) {
  headroom_ = std::max<size_t>(pages, kSlabPages);
  if (free_pages() < pages) grow((pages - free_pages() + kSlabPages - 1) / kSlabPages);
}

void PageStore::trim() {
  for (uint32_t slab = 0; slab < slabs_.size(); ++slab)
    if (slabs_[slab].memory && slabs_[slab].live == 0) drop_slab(slab);
  while (!slabs_.empty() && !slabs_.back().memory) slabs_.pop_back();
  usable_.resize((slabs_.size() + 63) / 64);
  resize_index(capacity_);
}

uint64_t PageStore::bytes_held() const {
  return uint64_t{capacity_} * (kPageSize + sizeof(Meta)) + index_.size() * sizeof(Entry);
}

// Low slabs first, so that high ones become free and can be given back.
uint32_t PageStore::next_slot() {
  while (usable_[usable_hint_] == 0) ++usable_hint_;
  const uint32_t number = static_cast<uint32_t>(usable_hint_ * 64 + std::countr_zero(usable_[usable_hint_]));
  return number << kSlabShift | slabs_[number].first_free;
}

void PageStore::take_slot(uint32_t index) {
  const uint32_t number = index >> kSlabShift;
  Slab& slab = slabs_[number];
  slab.first_free = slab.meta[index & kSlabMask].tag;
  if (slab.first_free == kNone) usable_[number / 64] &= ~(uint64_t{1} << (number % 64));
  ++slab.live;
  ++live_;
}

void PageStore::free_page(PageId id) {
  const uint32_t index = index_of(id), number = index >> kSlabShift, slot = index & kSlabMask;
  Slab& slab = slabs_[number];
  index_erase(slab.meta[slot].tag, id);
  slab.meta[slot].tag = slab.first_free;
  slab.first_free = slot;
  usable_[number / 64] |= uint64_t{1} << (number % 64);
  usable_hint_ = std::min<size_t>(usable_hint_, number / 64);
  --live_;
  if (--slab.live == 0 && free_pages() >= headroom_ + kSlabPages) drop_slab(number);
}

void PageStore::grow(size_t slabs) {
  if (index_.size() < 2 * (capacity_ + slabs * kSlabPages)) resize_index(capacity_ + slabs * kSlabPages);
  for (uint32_t number = 0; slabs > 0; ++number) {
    if (number == slabs_.size()) {
      slabs_.emplace_back();
      usable_.resize((slabs_.size() + 63) / 64);
    }
    Slab& slab = slabs_[number];
    if (slab.memory) continue;
    slab.meta = std::make_unique<Meta[]>(kSlabPages);
    slab.memory = map_slab(kSlabBytes);
    for (uint32_t slot = 0; slot < kSlabPages; ++slot) slab.meta[slot].tag = slot + 1 < kSlabPages ? slot + 1 : kNone;
    slab.first_free = 0;
    usable_[number / 64] |= uint64_t{1} << (number % 64);
    usable_hint_ = std::min<size_t>(usable_hint_, number / 64);
    capacity_ += kSlabPages;
    --slabs;
  }
}

void PageStore::drop_slab(uint32_t number) {
  Slab& slab = slabs_[number];
  munmap(slab.memory, kSlabBytes);
  slab = Slab{};
  usable_[number / 64] &= ~(uint64_t{1} << (number % 64));
  capacity_ -= kSlabPages;
}

void PageStore::resize_index(size_t pages) {
  const size_t wanted = std::bit_ceil(std::max<size_t>(2 * pages, 2 * kSlabPages));
  if (index_.size() == wanted) return;
  std::vector<Entry> old(wanted, Entry{});
  old.swap(index_);
  const size_t mask = wanted - 1;
  for (const Entry& entry : old) {
    if (entry.page == 0) continue;
    size_t at = entry.tag & mask;
    while (index_[at].page != 0) at = (at + 1) & mask;
    index_[at] = entry;
  }
}

// Closes the gap by moving later entries of the run back, so that no tombstones slow the probing down.
void PageStore::index_erase(uint32_t tag, PageId id) {
  const size_t mask = index_.size() - 1;
  size_t gap = tag & mask;
  while (index_[gap].page != static_cast<uint32_t>(id)) gap = (gap + 1) & mask;
  for (size_t at = (gap + 1) & mask; index_[at].page != 0; at = (at + 1) & mask) {
    const size_t home = index_[at].tag & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;  // it may not move before its home
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = Entry{};
}

}  // namespace rollpoint::memory
