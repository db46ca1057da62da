// The fallback that every kernel has: no tracking at all; whoever asks compares contents.
#include "snapshot/dirty_tracker.h"

namespace rollpoint::snapshot {

namespace {

class CompareTracker : public DirtyTracker {
 public:
  const char* name() const override { return "compare"; }
  bool precise() const override { return false; }
  Written collect(const std::vector<memory::Vma>&, const util::RangeSet&, Then) override { return {}; }
};

}  // namespace

std::unique_ptr<DirtyTracker> make_compare_tracker() { return std::make_unique<CompareTracker>(); }

}  // namespace rollpoint::snapshot
