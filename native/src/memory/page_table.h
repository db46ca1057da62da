// PageTable: a persistent map from page number to PageId. Copies are O(1) and share all nodes until one
// side is changed, so every snapshot owns a whole table and pays only for what differs.
// Knows nothing of processes and of what a snapshot is. For one thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "memory/page_store.h"

namespace rollpoint::memory {

/// Allocates the nodes of all tables over one store; outlives them, and the store outlives it.
class PageTablePool {
 public:
  explicit PageTablePool(PageStore& store);
  ~PageTablePool();
  PageTablePool(const PageTablePool&) = delete;
  PageTablePool& operator=(const PageTablePool&) = delete;

  /// Makes sure that `nodes` more need no system call and no page fault. Call it outside the pause.
  void reserve(size_t nodes);
  /// Gives everything back to the kernel if no table has entries any more.
  void trim();
  size_t nodes() const { return live_; }
  /// Bytes of all live nodes; a node shared by several tables counts once.
  uint64_t bytes_held() const { return uint64_t{live_} * sizeof(Node); }
  PageStore& store() { return store_; }

 private:
  friend class PageTable;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kFanout = 1u << kBits;
  static constexpr unsigned kLevels = kPageNumberBits / kBits;  // level 0 is the leaf
  static constexpr unsigned kChunkShift = 12;
  static constexpr uint32_t kChunkNodes = 1u << kChunkShift;

  // Inner nodes hold node indices, leaves hold PageIds; 0 is "nothing" in both, so that one size fits.
  struct Node {
    uint64_t occupied;    // bit i: slot[i] is not 0
    uint32_t references;  // tables and nodes that point here
    uint32_t next_free;
    uint32_t slot[kFanout];
  };

  Node& node(uint32_t index) { return chunks_[index >> kChunkShift][index & (kChunkNodes - 1)]; }
  const Node& node(uint32_t index) const { return chunks_[index >> kChunkShift][index & (kChunkNodes - 1)]; }
  uint32_t take();
  uint32_t make();
  uint32_t copy(uint32_t index, unsigned level);
  void unref(uint32_t index, unsigned level);
  void grow();
  // A node whose pages all have the reserved id `id`: one per level and id, shared by whoever needs it.
  uint32_t uniform(unsigned level, PageId id);

  PageStore& store_;
  std::vector<Node*> chunks_;
  uint32_t first_free_ = 0;
  size_t live_ = 0;
  size_t capacity_ = 0;
  uint32_t uniform_[2][kLevels] = {};  // kAbsent, kZero
};

class PageTable {
 public:
  explicit PageTable(PageTablePool& pool) : pool_(&pool) {}
  /// O(1): both tables share everything from here on.
  PageTable(const PageTable& other) : pool_(other.pool_), root_(other.root_) {
    if (root_) ++pool_->node(root_).references;
  }
  PageTable(PageTable&& other) noexcept : pool_(other.pool_), root_(std::exchange(other.root_, 0)) {}
  PageTable& operator=(PageTable other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(root_, other.root_);
    return *this;
  }
  ~PageTable() { clear(); }

  /// kInBase when nothing was set.
  PageId find(uint64_t page) const {
    uint32_t index = root_;
    for (unsigned level = kLevels; index != 0 && level-- > 0;) index = pool_->node(index).slot[slot_of(page, level)];
    return static_cast<PageId>(index);
  }
  /// Takes over one reference to `id` from the caller, and releases the one to what was there. Setting
  /// what is there already changes (and unshares) nothing. kInBase removes the entry.
  void set(uint64_t page, PageId id);
  /// Sets all pages of [first_page, end_page) to a reserved id: kInBase forgets them, kAbsent and kZero say
  /// so explicitly. Whole subtrees at once: cheap for any size.
  void set_range(uint64_t first_page, uint64_t end_page, PageId reserved);
  void clear();
  bool empty() const { return root_ == 0; }
  /// Bytes of nodes that no other table shares: what dropping this table would free, without the pages.
  uint64_t bytes_held() const;

  /// Calls fn(page, id) for each page in [first_page, end_page) that is set, in ascending order.
  template <class Fn>
  void for_each(uint64_t first_page, uint64_t end_page, Fn&& fn) const {
    if (root_ && first_page < end_page) walk(root_, kLevels - 1, 0, first_page, end_page - 1, fn);
  }
  template <class Fn>
  void for_each(Fn&& fn) const {
    for_each(0, kEndPage, fn);
  }

  static constexpr uint64_t kEndPage = uint64_t{1} << kPageNumberBits;

 private:
  template <class Fn>
  friend void for_each_difference(const PageTable& a, const PageTable& b, Fn&& fn);

  static constexpr unsigned kBits = PageTablePool::kBits;
  static constexpr unsigned kFanout = PageTablePool::kFanout;
  static constexpr unsigned kLevels = PageTablePool::kLevels;
  static constexpr unsigned slot_of(uint64_t page, unsigned level) { return (page >> (level * kBits)) & (kFanout - 1); }

  void erase(uint32_t& link, unsigned level, uint64_t page);
  void fill(uint32_t& link, unsigned level, uint64_t base, uint64_t first, uint64_t last, PageId id);
  void own(uint32_t& link, unsigned level);
  uint64_t count_own(uint32_t index, unsigned level) const;

  template <class Fn>
  void walk(uint32_t index, unsigned level, uint64_t base, uint64_t first, uint64_t last, Fn& fn) const {
    const auto& node = pool_->node(index);
    const uint64_t span = uint64_t{1} << (level * kBits);
    const unsigned from = first <= base ? 0 : static_cast<unsigned>((first - base) / span);
    const unsigned to = static_cast<unsigned>(std::min<uint64_t>(kFanout - 1, (last - base) / span));
    uint64_t todo = node.occupied & (~uint64_t{0} << from) & (~uint64_t{0} >> (kFanout - 1 - to));
    for (; todo; todo &= todo - 1) {
      const unsigned i = static_cast<unsigned>(std::countr_zero(todo));
      const uint64_t page = base + i * span;
      if (level == 0)
        fn(page, static_cast<PageId>(node.slot[i]));
      else
        walk(node.slot[i], level - 1, page, first, last, fn);
    }
  }
  template <class Fn>
  static void differ(PageTablePool& pool, uint32_t a, uint32_t b, unsigned level, uint64_t base, Fn& fn) {
    const auto* node_a = a ? &pool.node(a) : nullptr;
    const auto* node_b = b ? &pool.node(b) : nullptr;
    uint64_t todo = (node_a ? node_a->occupied : 0) | (node_b ? node_b->occupied : 0);
    for (; todo; todo &= todo - 1) {
      const unsigned i = static_cast<unsigned>(std::countr_zero(todo));
      const uint32_t in_a = node_a ? node_a->slot[i] : 0, in_b = node_b ? node_b->slot[i] : 0;
      if (in_a == in_b) continue;
      const uint64_t page = base + (uint64_t{i} << (level * kBits));
      if (level == 0)
        fn(page, static_cast<PageId>(in_a), static_cast<PageId>(in_b));
      else
        differ(pool, in_a, in_b, level - 1, page, fn);
    }
  }

  PageTablePool* pool_;
  uint32_t root_ = 0;
};

/// Calls fn(page, id_in_a, id_in_b) for each page whose id differs, in ascending order; kInBase where one
/// side has nothing. Shared subtrees are skipped unseen. Both tables must come from one pool; neither may
/// be changed by `fn`.
template <class Fn>
void for_each_difference(const PageTable& a, const PageTable& b, Fn&& fn) {
  if (a.root_ != b.root_) PageTable::differ(*a.pool_, a.root_, b.root_, PageTable::kLevels - 1, 0, fn);
}

}  // namespace rollpoint::memory
