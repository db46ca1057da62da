// The unit of all memory work: a 4 KiB page, its number, and the id of its stored content.
// Knows no process and no store.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rollpoint::memory {

inline constexpr uint64_t kPageSize = 4096;
inline constexpr unsigned kPageShift = 12;
/// Page numbers (address >> 12) of user space have 36 bits (47-bit addresses, and room to spare).
inline constexpr unsigned kPageNumberBits = 36;

/// Names one stored content. Ids at and above kFirstStored are counted in the PageStore; those below are
/// reserved and free of reference counting.
enum class PageId : uint32_t {
  /// Nothing recorded: the content is that of the frozen twin.
  kInBase = 0,
  /// No page there: reads as zero in anonymous memory, as the file in a private file mapping.
  kAbsent = 1,
  /// A page that is there and is all zero. Differs from kAbsent only in private file mappings, where
  /// dropping the page would bring the file's content back.
  kZero = 2,
  kFirstStored = 3,
};

constexpr bool is_stored(PageId id) { return id >= PageId::kFirstStored; }
constexpr uint64_t page_number(uint64_t address) { return address >> kPageShift; }
constexpr uint64_t page_address(uint64_t page) { return page << kPageShift; }

}  // namespace rollpoint::memory
