// Asks the kernel which pages of a process are there, written, private: ioctl(PAGEMAP_SCAN) on
// /proc/PID/pagemap (Linux 6.7), or its 64-bit entries on older kernels.
// Knows nothing of contents and of who set up write tracking.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "memory/page.h"
#include "util/range_set.h"
#include "util/unique_fd.h"

namespace rollpoint::memory {

// Linux pagemap.rst. Spelled out here because headers before 6.7 lack them.
enum PageCategory : uint64_t {
  kPageWpAllowed = 1 << 0,   // in a mapping registered for asynchronous write-protect
  kPageWritten = 1 << 1,     // not write-protected by userfaultfd
  kPageFile = 1 << 2,        // file-backed or shared anonymous. Slow to ask for: never in the hot scan
  kPagePresent = 1 << 3,
  kPageSwapped = 1 << 4,
  kPagePfnZero = 1 << 5,     // the kernel's zero page
  kPageHuge = 1 << 6,        // mapped by a huge page
  kPageGuard = 1 << 8,       // Linux 6.15
};
enum ScanFlag : uint64_t {
  kScanWpMatching = 1 << 0,    // write-protect what matches, in the same step
  kScanCheckWpAsync = 1 << 1,  // fail with EPERM in a mapping not registered
};

/// The arguments of PAGEMAP_SCAN; the kernel reports pages where
/// ((categories ^ inverted) & mask) == mask, and, unless anyof_mask is 0, ((categories ^ inverted) & anyof_mask) != 0.
struct ScanRequest {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t flags = 0;  // ScanFlag
  uint64_t category_inverted = 0;
  uint64_t category_mask = 0;
  uint64_t category_anyof_mask = 0;
  uint64_t return_mask = 0;  // what fn sees; ranges are split where these differ
};

/// One 64-bit entry of /proc/PID/pagemap. Frame numbers are hidden from ordinary users and not offered.
struct PagemapEntry {
  uint64_t bits = 0;
  bool present() const { return bits >> 63 & 1; }
  bool swapped() const { return bits >> 62 & 1; }
  bool file() const { return bits >> 61 & 1; }  // file-backed or shared anonymous
  bool guard() const { return bits >> 58 & 1; }
  bool write_protected() const { return bits >> 57 & 1; }  // by userfaultfd
  bool exclusive() const { return bits >> 56 & 1; }        // mapped once: not shared with a fork
};

class Pagemap {
 public:
  enum class Path { kBest, kClassic };

  /// Throws SysError. kClassic leaves PAGEMAP_SCAN alone even where the kernel has it.
  explicit Pagemap(pid_t pid, Path path = Path::kBest);

  bool has_scan() const { return has_scan_; }
  int fd() const { return fd_.get(); }
  /// kPageGuard where the kernel knows it, else 0.
  uint64_t guard_category() const { return guard_; }

  /// Calls fn(start, end, categories) for each range reported, in order; neighbours are merged except at
  /// buffer ends. fn must not scan on the same object. Throws SysError (EPERM: kScanCheckWpAsync; ENOTTY:
  /// no PAGEMAP_SCAN).
  template <class Fn>
  void scan(const ScanRequest& request, Fn&& fn) {
    uint64_t at = request.start;
    while (at < request.end) {
      size_t count = 0;
      at = scan_step(request, at, count);
      for (size_t i = 0; i < count; ++i) fn(buffer_[i].start, buffer_[i].end, buffer_[i].categories);
    }
  }

  /// Reads the entries of `count` pages from `start_page` on into `out`; returns how many (fewer only at
  /// the end of the address space, or when the process is gone). Throws SysError.
  size_t read_entries(uint64_t start_page, size_t count, PagemapEntry* out);

  /// Pages in memory or swap.
  util::RangeSet present_ranges(util::Range range);
  /// The same for a range without a hole between its mappings, which the kernel answers four times faster where most of it
  /// is there: what is reported costs more than what is passed over.
  util::RangeSet present_ranges_of_mapping(util::Range range);
  /// In its page tables. Of a shared mapping only that tells: what seems to be swapped out there is a mark that userfaultfd
  /// has left where a page was taken away.
  util::RangeSet mapped_ranges(util::Range range);
  /// Those of them that belong to the process alone: anonymous pages, and copied-on-write ones of private
  /// file mappings. Not shared anonymous memory. Meant for file mappings: a page that seems to be swapped
  /// out while write-protected may be a mere mark that userfaultfd left behind at MADV_DONTNEED, and is
  /// read in through /proc/PID/mem to tell.
  util::RangeSet present_private_ranges(util::Range range);

 private:
  struct Region {  // struct page_region
    uint64_t start, end, categories;
  };

  uint64_t scan_step(const ScanRequest& request, uint64_t at, size_t& count);
  template <class Wanted>
  util::RangeSet classic_ranges(util::Range range, Wanted wanted);
  util::RangeSet private_ranges(util::Range range, util::RangeSet* doubtful);

  pid_t pid_;
  util::UniqueFd fd_;
  bool has_scan_ = false;
  uint64_t guard_ = 0;  // kPageGuard where the kernel knows it
  std::unique_ptr<Region[]> buffer_;
  std::unique_ptr<PagemapEntry[]> entries_;
};

}  // namespace rollpoint::memory
