// A fast non-cryptographic hash of one memory page. Hits must be verified by comparing contents.
// Pure: knows nothing of who stores what under it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rollpoint::util {

inline constexpr size_t kHashBlock = 4096;

/// 64-bit hash of `kHashBlock` bytes; `block` needs no alignment. Depends on the processor: not for storage.
uint64_t hash_page(const std::byte* block);

/// What hash_page does on processors without a version of their own.
uint64_t hash_page_portable(const std::byte* block);

/// Whether all `kHashBlock` bytes are zero; returns early at the first that is not.
bool is_zero_page(const std::byte* block);

}  // namespace rollpoint::util
