// What mappings have besides backing and protection: advice of madvise(2), locks, guard pages, names.
// Contents and the layout itself are not its business.
#pragma once

#include <string>
#include <vector>

#include "memory/maps.h"
#include "memory/pagemap.h"
#include "tracee/process.h"
#include "util/range_set.h"
#include "util/warning.h"

namespace rollpoint::snapshot {

struct MemoryAttributes {
  /// In address order; only mappings that have any.
  std::vector<memory::VmaFlags> mappings;
  util::RangeSet guards;  // MADV_GUARD_INSTALL
  bool empty() const { return mappings.empty(); }
};

/// Of `maps`. Slow, since the kernel counts pages for it: not for the pause. Throws SysError.
MemoryAttributes read_memory_attributes(pid_t pid, memory::Pagemap& pagemap, const std::vector<memory::Vma>& maps);
/// The layout is the wanted one already, in mappings `maps`. What could not be put back.
util::Warnings restore_memory_attributes(tracee::Process& process, memory::Pagemap& pagemap, const std::vector<memory::Vma>& maps, const MemoryAttributes& wanted);
/// Likewise without a look at what they are: sets those that `wanted` has, takes away what else those mappings may have, and
/// leaves other mappings and guards alone.
void ask_for_attributes(tracee::Process& process, const std::vector<memory::Vma>& maps, const MemoryAttributes& wanted);
/// Names of private memory (PR_SET_VMA_ANON_NAME), which are part of the list of mappings.
void restore_mapping_names(tracee::Process& process, const std::vector<memory::Vma>& now, const std::vector<memory::Vma>& wanted);
/// In words, how they differ.
std::vector<std::string> compare_memory_attributes(const MemoryAttributes& now, const MemoryAttributes& wanted);

}  // namespace rollpoint::snapshot
