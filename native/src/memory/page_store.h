// Owns page contents: deduplicated, reference-counted, in slabs that are populated ahead of use.
// Knows nothing of addresses, processes and snapshots. For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory/page.h"

namespace rollpoint::memory {

class PageStore {
 public:
  PageStore();
  ~PageStore();
  PageStore(const PageStore&) = delete;
  PageStore& operator=(const PageStore&) = delete;

  /// Stores a copy of the 4096 bytes at `page`, or finds the same content stored before. The caller owns
  /// one reference to the id returned. An all-zero page gives `if_zero` (kAbsent or kZero).
  /// Throws SysError when no memory is left.
  PageId insert(const std::byte* page, PageId if_zero = PageId::kAbsent);
  /// As insert, but compares with `likely` first (kInBase: no guess), which is cheaper than hashing.
  PageId insert_or_same(const std::byte* page, PageId likely, PageId if_zero = PageId::kAbsent);

  /// Both ignore reserved ids.
  void add_ref(PageId id) {
    if (is_stored(id)) ++meta(id).references;
  }
  void release(PageId id) {
    if (is_stored(id) && --meta(id).references == 0) free_page(id);
  }
  uint32_t references(PageId id) const { return is_stored(id) ? meta(id).references : 0; }

  /// 4096 bytes, 4096-aligned, valid while a reference is held; the zero page for reserved ids.
  const std::byte* data(PageId id) const {
    if (!is_stored(id)) return zero_page();
    const uint32_t index = index_of(id);
    return slabs_[index >> kSlabShift].memory + size_t{index & kSlabMask} * kPageSize;
  }
  static const std::byte* zero_page();

  /// Grows the store so that `pages` more can be inserted without a system call or a page fault, and
  /// keeps about as much headroom when pages are released. Call it outside the pause.
  void reserve(size_t pages);
  /// Returns all entirely free slabs to the kernel, whatever was reserved.
  void trim();

  /// Pages stored now, and the bytes of their contents.
  size_t pages() const { return live_; }
  uint64_t bytes() const { return uint64_t{live_} * kPageSize; }
  /// Pages that fit without growing.
  size_t free_pages() const { return capacity_ - live_; }
  /// Bytes taken from the kernel: slabs, used or free, their counts and the index.
  uint64_t bytes_held() const;

  /// How many pages have ever been added; a capture keeps the value from its start as `mark`.
  uint64_t mark() const { return created_; }
  uint64_t created_since(uint64_t mark) const { return created_ - mark; }

 private:
  static constexpr unsigned kSlabShift = 10;
  static constexpr uint32_t kSlabPages = 1u << kSlabShift;  // 4 MiB
  static constexpr uint32_t kSlabMask = kSlabPages - 1;
  static constexpr size_t kSlabBytes = size_t{kSlabPages} * kPageSize;
  static constexpr uint32_t kNone = 0xffffffff;

  struct Meta {
    uint32_t references;
    uint32_t tag;  // the hash's low half; while free: index of the next free slot in the slab, or kNone
  };
  struct Slab {
    std::byte* memory = nullptr;  // nullptr: given back to the kernel, number to be used again
    std::unique_ptr<Meta[]> meta;
    uint32_t live = 0;
    uint32_t first_free = kNone;
  };
  // One entry of the open-addressing index. page 0 (kInBase) marks an empty entry.
  struct Entry {
    uint32_t tag;
    uint32_t page;
  };

  static uint32_t index_of(PageId id) {
    return static_cast<uint32_t>(id) - static_cast<uint32_t>(PageId::kFirstStored);
  }
  static PageId id_of(uint32_t index) {
    return static_cast<PageId>(index + static_cast<uint32_t>(PageId::kFirstStored));
  }
  Meta& meta(PageId id) {
    const uint32_t index = index_of(id);
    return slabs_[index >> kSlabShift].meta[index & kSlabMask];
  }
  const Meta& meta(PageId id) const { return const_cast<PageStore*>(this)->meta(id); }

  uint32_t next_slot();
  void take_slot(uint32_t index);
  void free_page(PageId id);
  void grow(size_t slabs);
  void drop_slab(uint32_t slab);
  void resize_index(size_t pages);
  void index_erase(uint32_t tag, PageId id);

  std::vector<Slab> slabs_;
  std::vector<uint64_t> usable_;  // bit per slab: has a free slot
  size_t usable_hint_ = 0;        // no usable slab in words before this one
  std::vector<Entry> index_;      // power of two, at least twice capacity_
  size_t live_ = 0;
  size_t capacity_ = 0;
  size_t headroom_ = kSlabPages;
  uint64_t created_ = 0;
};

}  // namespace rollpoint::memory
