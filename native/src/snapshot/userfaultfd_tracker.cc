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

  Written collect(const std::vector<Vma>& maps, const RangeSet& was_dense, Then then) override {
    const bool arm = then == Then::kArm;
    // Mappings made since: all that is in them was written. They are registered and armed for themselves, so that
    // the scans of registered mappings must come first.
    const RangeSet fresh = unregistered_ranges();
    Written written;
    written.dense = util::subtract(was_dense, fresh);
    const RangeSet& dense = written.dense;
    // Each kind of range by itself; their pages are put in order as they come.
    auto pages_of = [&](auto&& scan) {
      const auto seam = static_cast<ptrdiff_t>(written.pages.size());
      scan();
      std::inplace_merge(written.pages.begin(), written.pages.begin() + seam, written.pages.end());
    };
    pages_of([&] { scan_dense(dense, arm, written); });
    pages_of([&] { scan_sparse(util::subtract(RangeSet{{0, kUserTop}}, dense), arm, written); });
    pages_of([&] {
      for (const Vma& vma : maps)
        if (fresh.overlaps(vma.range())) take_whole(vma, arm, written);
    });
    return written;
  }

 private:
  static void add_pages(std::vector<uint64_t>& pages, uint64_t start, uint64_t end) {
    for (; start < end; start += memory::kPageSize) pages.push_back(memory::page_number(start));
  }
  static void take(Written& written, uint64_t start, uint64_t end, uint64_t categories) {
    if (categories & memory::kPagePfnZero) written.zero.add(start, end);
    else add_pages(written.pages, start, end);
  }

  // Exactly this mask takes the kernel's short way (fs/proc/task_mmu.c, pagemap_scan_pmd_entry). It reports a page that has
  // been dropped as written, but passes over where the whole page table has gone with it (CONFIG_PT_RECLAIM, huge pages).
  void scan_dense(const RangeSet& dense, bool arm, Written& written) {
    constexpr size_t kManyPages = 16384;
    const size_t first = written.pages.size();
    RangeSet doubtful = blocks_without_table(dense);
    for (auto& range : dense)
      pagemap_.scan({.start = range.start, .end = range.end, .flags = arm ? uint64_t{memory::kScanWpMatching} : 0, .category_mask = memory::kPageWritten, .return_mask = memory::kPageWritten},
                    [&](uint64_t start, uint64_t end, uint64_t) { add_pages(written.pages, start, end); });
    // So much may have been given back that it must not be looked at page by page, which would bring zeros there.
    if (written.pages.size() - first >= kManyPages) doubtful = dense;
    if (doubtful.empty()) return;
    for (auto& range : doubtful)
      for (auto& gap : util::subtract(RangeSet{range}, pagemap_.present_ranges_of_mapping(range))) written.dropped.add(gap);
    std::erase_if(written.pages, [&](uint64_t page) { return written.dropped.contains(memory::page_address(page)); });
  }

  // One page of each tells: where there is no table, there is no page.
  RangeSet blocks_without_table(const RangeSet& dense) {
    constexpr uint64_t kTableBytes = 1 << 21;
    RangeSet blocks;
    for (auto& range : dense) {
      for (uint64_t at = range.start; at < range.end;) {
        const uint64_t end = std::min(range.end, (at & ~(kTableBytes - 1)) + kTableBytes);
        memory::PagemapEntry entry;
        if (pagemap_.read_entries(memory::page_number(at), 1, &entry) != 1 || (!entry.present() && !entry.swapped())) blocks.add(at, end);
        at = end;
      }
    }
    return blocks;
  }

  void scan_sparse(const RangeSet& ranges, bool arm, Written& written) {
    if (!arm) written.absent.emplace();
    const uint64_t guard = pagemap_.guard_category();
    for (auto& range : ranges) {
      if (arm) {
        // PRESENT or SWAPPED is asked for: without it the scan would report, and populate, every hole.
        pagemap_.scan({.start = range.start, .end = range.end, .flags = memory::kScanWpMatching, .category_inverted = guard, .category_mask = memory::kPageWritten | memory::kPageWpAllowed | guard, .category_anyof_mask = kThere, .return_mask = memory::kPagePfnZero},
                      [&](uint64_t start, uint64_t end, uint64_t categories) { take(written, start, end, categories); });
        continue;
      }
      // One pass for both questions: two at once would wait for each other's locks.
      pagemap_.scan({.start = range.start, .end = range.end, .category_inverted = memory::kPagePresent, .category_mask = memory::kPageWpAllowed, .category_anyof_mask = memory::kPagePresent | memory::kPageWritten, .return_mask = kThere | memory::kPageWritten | memory::kPagePfnZero | guard},
                    [&](uint64_t start, uint64_t end, uint64_t categories) {
                      if (!(categories & kThere) || (categories & guard)) written.absent->add(start, end);
                      else if (categories & memory::kPageWritten) take(written, start, end, categories);
                    });
    }
  }

  void take_whole(const Vma& vma, bool arm, Written& written) {
    const uint64_t guard = pagemap_.guard_category();
    pagemap_.scan({.start = vma.start, .end = vma.end, .category_inverted = guard, .category_mask = guard, .category_anyof_mask = kThere, .return_mask = memory::kPagePfnZero},
                  [&](uint64_t start, uint64_t end, uint64_t categories) { take(written, start, end, categories); });
    if (!arm) {
      for (auto& gap : util::subtract(RangeSet{vma.range()}, pagemap_.present_ranges_of_mapping(vma.range()))) written.absent->add(gap);
      return;
    }
    uffdio_register request{};
    request.range = {vma.start, vma.end - vma.start};
    request.mode = UFFDIO_REGISTER_MODE_WP;
    // A mapping that refuses (the program's own userfaultfd, device memory) is taken whole each time.
    if (ioctl(fd_.get(), UFFDIO_REGISTER, &request) == 0)
      pagemap_.scan({.start = vma.start, .end = vma.end, .flags = memory::kScanWpMatching, .category_inverted = guard, .category_mask = memory::kPageWritten | guard, .category_anyof_mask = kThere, .return_mask = 0}, [](uint64_t, uint64_t, uint64_t) {});
  }

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
