// Which pages of shared memory have content, whoever has written them and wherever they are now: in the process's own page
// tables, in the page cache alone (under memory pressure the kernel takes them out of the tables), or in swap.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "memory/maps.h"
#include "memory/pagemap.h"
#include "tracee/process.h"
#include "util/range_set.h"

namespace rollpoint::snapshot {

/// Its content is the mapping's business alone: no name leads to it.
bool is_nameless_file(const memory::Vma& vma);
/// Of shared mappings without a file that a name leads to, but for files whose contents somebody else keeps. Runs system calls in the process, and looks at pages: some are in
/// its page tables afterwards that were not.
util::RangeSet filled_shared_memory(tracee::Process& process, const std::vector<memory::Vma>& maps, const std::function<bool(const memory::Vma&)>& is_kept);
/// What the process's page tables show of shared mappings. Of the rest nobody knows whether it was written since it was armed.
util::RangeSet mapped_shared_memory(memory::Pagemap& pagemap, const std::vector<memory::Vma>& maps);

/// In sentences: shared anonymous memory that the process had at several places, and has no more in common there.
std::vector<std::string> parted_views(const std::vector<memory::Vma>& now, const std::vector<memory::Vma>& wanted);

}  // namespace rollpoint::snapshot
