// Nodes of the persistent page tables: allocation, path copying, range filling. See page_table.h.
#include "memory/page_table.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "util/error.h"

namespace rollpoint::memory {
namespace {

// Enough for any one change, so that none can fail half-way: two paths and all uniform nodes.
constexpr size_t kNodesPerChange = 24;

}  // namespace

PageTablePool::PageTablePool(PageStore& store) : store_(store) { grow(); }

PageTablePool::~PageTablePool() {
  for (Node* chunk : chunks_) munmap(chunk, kChunkNodes * sizeof(Node));
}

void PageTablePool::reserve(size_t nodes) {
  while (capacity_ - live_ < nodes) grow();
}

void PageTablePool::trim() {
  size_t own = 0;
  for (const auto& levels : uniform_) {
    for (uint32_t index : levels) own += index != 0;
    const uint32_t top = levels[kLevels - 1];
    if (top != 0 && node(top).references > 1) return;  // it is the root of some table
  }
  if (live_ != own) return;
  for (auto& levels : uniform_)
    for (uint32_t& index : levels) index = 0;
  for (Node* chunk : chunks_) munmap(chunk, kChunkNodes * sizeof(Node));
  chunks_.clear();
  first_free_ = 0;
  live_ = capacity_ = 0;
}

void PageTablePool::grow() {
  const size_t bytes = kChunkNodes * sizeof(Node);
  chunks_.reserve(chunks_.size() + 1);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) throw util::SysError("mmap page tables", errno);
  madvise(memory, bytes, MADV_DONTFORK);
  madvise(memory, bytes, MADV_DONTDUMP);
  const uint32_t first = static_cast<uint32_t>(chunks_.size()) << kChunkShift;
  chunks_.push_back(static_cast<Node*>(memory));
  // Index 0 means "no node", so the first node of the first chunk is never handed out.
  const uint32_t begin = first == 0 ? 1 : first;
  for (uint32_t index = first + kChunkNodes; index-- > begin;) {
    node(index).next_free = first_free_;
    first_free_ = index;
  }
  capacity_ += first + kChunkNodes - begin;
}

uint32_t PageTablePool::take() {
  if (first_free_ == 0) grow();
  const uint32_t index = first_free_;
  first_free_ = node(index).next_free;
  ++live_;
  return index;
}

uint32_t PageTablePool::make() {
  const uint32_t index = take();
  Node& made = node(index);
  std::memset(&made, 0, sizeof made);
  made.references = 1;
  return index;
}

uint32_t PageTablePool::copy(uint32_t index, unsigned level) {
  const uint32_t made = take();
  Node& to = node(made);
  to = node(index);
  to.references = 1;
  for (uint64_t todo = to.occupied; todo; todo &= todo - 1) {
    const uint32_t child = to.slot[std::countr_zero(todo)];
    if (level == 0)
      store_.add_ref(static_cast<PageId>(child));
    else
      ++node(child).references;
  }
  return made;
}

void PageTablePool::unref(uint32_t index, unsigned level) {
  Node& gone = node(index);
  if (--gone.references != 0) return;
  for (uint64_t todo = gone.occupied; todo; todo &= todo - 1) {
    const uint32_t child = gone.slot[std::countr_zero(todo)];
    if (level == 0)
      store_.release(static_cast<PageId>(child));
    else
      unref(child, level - 1);
  }
  gone.next_free = first_free_;
  first_free_ = index;
  --live_;
}

uint32_t PageTablePool::uniform(unsigned level, PageId id) {
  uint32_t& cached = uniform_[id == PageId::kZero][level];
  if (cached == 0) {
    const uint32_t child = level == 0 ? static_cast<uint32_t>(id) : uniform(level - 1, id);
    const uint32_t made = make();
    Node& to = node(made);
    to.occupied = ~uint64_t{0};
    std::fill(std::begin(to.slot), std::end(to.slot), child);
    if (level != 0) node(child).references += kFanout;
    cached = made;
  }
  return cached;
}

void PageTable::clear() {
  if (root_) pool_->unref(std::exchange(root_, 0), kLevels - 1);
}

// Makes the node at `link` this table's alone, creating or copying it.
void PageTable::own(uint32_t& link, unsigned level) {
  if (link == 0) {
    link = pool_->make();
  } else if (pool_->node(link).references > 1) {
    const uint32_t mine = pool_->copy(link, level);
    --pool_->node(link).references;
    link = mine;
  }
}

void PageTable::set(uint64_t page, PageId id) {
  if (page >= kEndPage) throw std::out_of_range("PageTable::set: page number has more than 36 bits");
  if (find(page) == id) {
    pool_->store_.release(id);
    return;
  }
  pool_->reserve(kNodesPerChange);
  if (id == PageId::kInBase) {
    erase(root_, kLevels - 1, page);
    return;
  }
  uint32_t* link = &root_;
  for (unsigned level = kLevels; level-- > 0;) {
    own(*link, level);
    auto& node = pool_->node(*link);
    node.occupied |= uint64_t{1} << slot_of(page, level);
    link = &node.slot[slot_of(page, level)];
  }
  pool_->store_.release(static_cast<PageId>(*link));
  *link = static_cast<uint32_t>(id);
}

// The page is known to be set. Empty nodes are dropped on the way back.
void PageTable::erase(uint32_t& link, unsigned level, uint64_t page) {
  own(link, level);
  auto& node = pool_->node(link);
  uint32_t& slot = node.slot[slot_of(page, level)];
  if (level == 0)
    pool_->store_.release(static_cast<PageId>(std::exchange(slot, 0)));
  else
    erase(slot, level - 1, page);
  if (slot == 0) node.occupied &= ~(uint64_t{1} << slot_of(page, level));
  if (node.occupied == 0) pool_->unref(std::exchange(link, 0), level);
}

void PageTable::set_range(uint64_t first_page, uint64_t end_page, PageId reserved) {
  if (is_stored(reserved)) throw std::invalid_argument("PageTable::set_range: takes reserved ids only");
  if (first_page >= end_page) return;
  if (end_page > kEndPage) throw std::out_of_range("PageTable::set_range: page number has more than 36 bits");
  pool_->reserve(kNodesPerChange);
  fill(root_, kLevels - 1, 0, first_page, end_page - 1, reserved);
}

void PageTable::fill(uint32_t& link, unsigned level, uint64_t base, uint64_t first, uint64_t last, PageId id) {
  const bool forget = id == PageId::kInBase;
  if (link == 0 && forget) return;
  const uint64_t span = uint64_t{1} << (level * kBits);
  if (first <= base && last >= base + span * kFanout - 1) {
    const uint32_t old = link;
    link = forget ? 0 : pool_->uniform(level, id);
    if (link) ++pool_->node(link).references;
    if (old) pool_->unref(old, level);
    return;
  }
  own(link, level);
  auto& node = pool_->node(link);
  const unsigned from = first <= base ? 0 : static_cast<unsigned>((first - base) / span);
  const unsigned to = static_cast<unsigned>(std::min<uint64_t>(kFanout - 1, (last - base) / span));
  for (unsigned i = from; i <= to; ++i) {
    uint32_t& slot = node.slot[i];
    if (level == 0)
      pool_->store_.release(static_cast<PageId>(std::exchange(slot, static_cast<uint32_t>(id))));
    else
      fill(slot, level - 1, base + i * span, first, last, id);
    const uint64_t bit = uint64_t{1} << i;
    node.occupied = slot ? node.occupied | bit : node.occupied & ~bit;
  }
  if (node.occupied == 0) pool_->unref(std::exchange(link, 0), level);
}

uint64_t PageTable::bytes_held() const { return root_ ? count_own(root_, kLevels - 1) * sizeof(PageTablePool::Node) : 0; }

uint64_t PageTable::count_own(uint32_t index, unsigned level) const {
  const auto& node = pool_->node(index);
  if (node.references > 1) return 0;
  uint64_t count = 1;
  if (level != 0)
    for (uint64_t todo = node.occupied; todo; todo &= todo - 1)
      count += count_own(node.slot[std::countr_zero(todo)], level - 1);
  return count;
}

}  // namespace rollpoint::memory
