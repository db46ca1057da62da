// Write tracking by userfaultfd in asynchronous write-protect mode with PAGEMAP_SCAN (Linux 6.7, pagemap.rst).
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <algorithm>

#include "snapshot/dirty_tracker.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

using memory::Vma;
using util::RangeSet;

namespace {

constexpr uint64_t kUserModeOnly = 1;
constexpr uint64_t kWpUnpopulated = 1 << 13, kWpAsync = 1 << 15;
constexpr uint64_t kUserTop = 0x7ffffffff000;
constexpr uint64_t kThere = memory::kPagePresent | memory::kPageSwapped;

class UserfaultfdTracker : public DirtyTracker {
 public:
  UserfaultfdTracker(tracee::Process& process, memory::Pagemap& pagemap) : pagemap_(pagemap) {
    tracee::RemoteSyscalls remote(process);
    const int64_t theirs = remote.call(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly);
    if (theirs < 0) throw util::CodedError(util::kUnsupported, "userfaultfd: " + util::errno_name(static_cast<int>(-theirs)));
    fd_.reset(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), static_cast<int>(theirs), 0)));
    const int error = errno;
    remote.call(SYS_close, static_cast<uint64_t>(theirs));
    if (!fd_) throw util::CodedError(util::kUnsupported, "pidfd_getfd: " + util::errno_name(error));
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = kWpUnpopulated | kWpAsync;
    if (ioctl(fd_.get(), UFFDIO_API, &api) < 0) throw util::CodedError(util::kUnsupported, "UFFDIO_API: " + util::errno_name(errno));
  }

  const char* name() const override { return "userfaultfd"; }
  bool precise() const override { return true; }

  Written collect(const std::vector<Vma>& maps, Then then) override {
    Written written;
    auto take = [&](uint64_t start, uint64_t end, uint64_t categories) {
      if (categories & memory::kPagePfnZero) written.zero.add(start, end);
      else
        for (; start < end; start += memory::kPageSize) written.pages.push_back(memory::page_number(start));
    };
    // Mappings made since: all that is in them was written. They are registered and armed for themselves, so that
    // the scan below, which asks for registered mappings only, must come first.
    const RangeSet fresh = unregistered_ranges();
    const bool arm = then == Then::kArm;
    // PRESENT or SWAPPED is asked for: without it the scan would report, and populate, every hole.
    pagemap_.scan({.start = 0, .end = kUserTop, .flags = arm ? uint64_t{memory::kScanWpMatching} : 0, .category_mask = memory::kPageWritten | memory::kPageWpAllowed, .category_anyof_mask = kThere, .return_mask = memory::kPagePfnZero}, take);
    const auto seam = static_cast<ptrdiff_t>(written.pages.size());
    for (const Vma& vma : maps) {
      if (!fresh.overlaps(vma.range())) continue;
      pagemap_.scan({.start = vma.start, .end = vma.end, .category_anyof_mask = kThere, .return_mask = memory::kPagePfnZero}, take);
      if (!arm) continue;
      uffdio_register request{};
      request.range = {vma.start, vma.end - vma.start};
      request.mode = UFFDIO_REGISTER_MODE_WP;
      // A mapping that refuses (the program's own userfaultfd, device memory) is taken whole each time.
      if (ioctl(fd_.get(), UFFDIO_REGISTER, &request) == 0)
        pagemap_.scan({.start = vma.start, .end = vma.end, .flags = memory::kScanWpMatching, .category_mask = memory::kPageWritten, .category_anyof_mask = kThere, .return_mask = 0}, [](uint64_t, uint64_t, uint64_t) {});
    }
    std::inplace_merge(written.pages.begin(), written.pages.begin() + seam, written.pages.end());
    return written;
  }

 private:
  // Mappings made since the last arming: not yet under write protection.
  RangeSet unregistered_ranges() {
    RangeSet result;
    pagemap_.scan({.start = 0, .end = kUserTop, .category_inverted = memory::kPageWpAllowed, .category_mask = memory::kPageWpAllowed, .return_mask = 0},
                  [&](uint64_t start, uint64_t end, uint64_t) { result.add(start, end); });
    return result;
  }
  memory::Pagemap& pagemap_;
  util::UniqueFd fd_;
};

}  // namespace

std::unique_ptr<DirtyTracker> make_userfaultfd_tracker(tracee::Process& process, memory::Pagemap& pagemap) {
  if (!pagemap.has_scan()) throw util::CodedError(util::kUnsupported, "this kernel has no PAGEMAP_SCAN");
  return std::make_unique<UserfaultfdTracker>(process, pagemap);
}

}  // namespace rollpoint::snapshot
