// Finds out which pages the debuggee has written since the tracker was last armed. One interface, one
// implementation per facility of the kernel. Knows nothing of snapshots and contents.
#pragma once

#include <memory>
#include <optional>
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
  util::RangeSet dense;         // what was given, without mappings made since
  util::RangeSet dropped;       // addresses of `dense` where nothing is any more; a few of them may be among `pages` instead
  /// With kKeep: addresses outside `dense` where nothing is, which the same scan tells.
  std::optional<util::RangeSet> absent;
};

class DirtyTracker {
 public:
  virtual ~DirtyTracker() = default;
  virtual const char* name() const = 0;
  /// False: `collect` names nothing, and every page may have been written.
  virtual bool precise() const = 0;
  /// What was written in `maps` since the last arming; mappings made since count whole. kArm: from here on, writes
  /// count as new. `dense`: ranges of private memory that were all there at the last arming; the kernel is twice as fast
  /// where it need not look whether a page is.
  enum class Then { kKeep, kArm };
  virtual Written collect(const std::vector<memory::Vma>& maps, const util::RangeSet& dense, Then then) = 0;
  void arm(const std::vector<memory::Vma>& maps, const util::RangeSet& dense = {}) { collect(maps, dense, Then::kArm); }
};

/// Throws CodedError(kUnsupported) when the kernel refuses.
std::unique_ptr<DirtyTracker> make_userfaultfd_tracker(tracee::Process& process, memory::Pagemap& pagemap);
std::unique_ptr<DirtyTracker> make_compare_tracker();

}  // namespace rollpoint::snapshot
