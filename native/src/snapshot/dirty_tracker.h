// Finds out which pages the debuggee has written since the tracker was last armed. One interface, one
// implementation per facility of the kernel. Knows nothing of snapshots and contents.
#pragma once

#include <memory>
#include <vector>

#include "memory/maps.h"
#include "memory/pagemap.h"
#include "snapshot/types.h"
#include "tracee/process.h"
#include "util/range_set.h"

namespace rollpoint::snapshot {

struct Written {
  std::vector<uint64_t> pages;  // page numbers, ascending
  util::RangeSet zero;          // addresses: present, but only as the kernel's zero page
};

class DirtyTracker {
 public:
  virtual ~DirtyTracker() = default;
  virtual const char* name() const = 0;
  /// False: `collect` names nothing, and every page may have been written.
  virtual bool precise() const = 0;
  /// What was written in `maps` since the last arming; mappings made since count whole. kArm: from here on, writes
  /// count as new.
  enum class Then { kKeep, kArm };
  virtual Written collect(const std::vector<memory::Vma>& maps, Then then) = 0;
  void arm(const std::vector<memory::Vma>& maps) { collect(maps, Then::kArm); }
};

/// Throws CodedError(kUnsupported) when the kernel refuses.
std::unique_ptr<DirtyTracker> make_userfaultfd_tracker(tracee::Process& process, memory::Pagemap& pagemap);
std::unique_ptr<DirtyTracker> make_compare_tracker();

}  // namespace rollpoint::snapshot
