// PAGEMAP_SCAN and the classic entries of /proc/PID/pagemap (Linux pagemap.rst).
#include "memory/pagemap.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "util/error.h"

namespace rollpoint::memory {
namespace {

struct ScanArgument {  // struct pm_scan_arg
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t vec;
  uint64_t vec_len;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};
static_assert(sizeof(ScanArgument) == 96);

constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArgument);
constexpr size_t kRegions = 16384;
constexpr size_t kEntries = 8192;

}  // namespace

Pagemap::Pagemap(pid_t pid, Path path) : pid_(pid) {
  const std::string name = "/proc/" + std::to_string(pid) + "/pagemap";
  fd_.reset(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) throw util::SysError("open " + name, errno);
  if (path == Path::kClassic) return;
  const auto accepts = [&](uint64_t mask) {
    Region region;
    ScanArgument argument{};
    argument.size = sizeof argument;
    argument.end = kPageSize;
    argument.vec = reinterpret_cast<uint64_t>(&region);
    argument.vec_len = 1;
    argument.category_mask = argument.return_mask = mask;
    return ioctl(fd_.get(), kPagemapScan, &argument) >= 0;
  };
  has_scan_ = accepts(kPagePresent);
  if (!has_scan_) return;
  if (accepts(kPagePresent | kPageGuard)) guard_ = kPageGuard;
  buffer_ = std::make_unique<Region[]>(kRegions);
}

uint64_t Pagemap::scan_step(const ScanRequest& request, uint64_t at, size_t& count) {
  if (!has_scan_) throw util::SysError("PAGEMAP_SCAN", ENOTTY);
  ScanArgument argument{};
  argument.size = sizeof argument;
  argument.flags = request.flags;
  argument.start = at;
  argument.end = request.end;
  argument.vec = reinterpret_cast<uint64_t>(buffer_.get());
  argument.vec_len = kRegions;
  argument.category_inverted = request.category_inverted;
  argument.category_mask = request.category_mask;
  argument.category_anyof_mask = request.category_anyof_mask;
  argument.return_mask = request.return_mask;
  long regions;
  do {
    regions = ioctl(fd_.get(), kPagemapScan, &argument);
  } while (regions < 0 && errno == EINTR);
  if (regions < 0) throw util::SysError("PAGEMAP_SCAN", errno);
  count = static_cast<size_t>(regions);
  // A full buffer is the one reason to stop early; anything else must not loop for ever.
  return count == kRegions && argument.walk_end > at ? argument.walk_end : request.end;
}

size_t Pagemap::read_entries(uint64_t start_page, size_t count, PagemapEntry* out) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = pread(fd_.get(), out + done, (count - done) * sizeof *out,
                              static_cast<off_t>((start_page + done) * sizeof *out));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw util::SysError("read pagemap", errno);
    if (got == 0) break;
    done += static_cast<size_t>(got) / sizeof *out;
  }
  return done;
}

template <class Wanted>
util::RangeSet Pagemap::classic_ranges(util::Range range, Wanted wanted) {
  if (!entries_) entries_ = std::make_unique<PagemapEntry[]>(kEntries);
  util::RangeSet result;
  const uint64_t end = page_number(range.end + kPageSize - 1);
  for (uint64_t page = page_number(range.start); page < end;) {
    const size_t count = read_entries(page, std::min<uint64_t>(kEntries, end - page), entries_.get());
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i)
      if (wanted(entries_[i])) result.add(page_address(page + i), page_address(page + i + 1));
    page += count;
  }
  return result;
}

util::RangeSet Pagemap::present_ranges(util::Range range) {
  if (!has_scan_)
    return classic_ranges(range, [](PagemapEntry entry) { return entry.present() || (entry.swapped() && !entry.guard()); });
  util::RangeSet result;
  ScanRequest request{.start = range.start, .end = range.end};
  request.category_inverted = request.category_mask = guard_;
  request.category_anyof_mask = kPagePresent | kPageSwapped;
  scan(request, [&](uint64_t start, uint64_t end, uint64_t) { result.add(start, end); });
  return result;
}

util::RangeSet Pagemap::mapped_ranges(util::Range range) {
  if (!has_scan_) return classic_ranges(range, [](PagemapEntry entry) { return entry.present(); });
  util::RangeSet result;
  scan({.start = range.start, .end = range.end, .category_mask = kPagePresent}, [&](uint64_t start, uint64_t end, uint64_t) { result.add(start, end); });
  return result;
}

util::RangeSet Pagemap::present_ranges_of_mapping(util::Range range) {
  if (!has_scan_) return present_ranges(range);
  util::RangeSet absent;
  ScanRequest request{.start = range.start, .end = range.end};
  request.category_inverted = request.category_mask = kPagePresent;
  request.return_mask = kPageSwapped | guard_;
  scan(request, [&](uint64_t start, uint64_t end, uint64_t categories) {
    if (categories != kPageSwapped) absent.add(start, end);
  });
  return util::subtract(util::RangeSet{range}, absent);
}

util::RangeSet Pagemap::present_private_ranges(util::Range range) {
  util::RangeSet doubtful;
  util::RangeSet result = private_ranges(range, &doubtful);
  if (doubtful.empty()) return result;
  const std::string name = "/proc/" + std::to_string(pid_) + "/mem";
  const util::UniqueFd mem(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!mem) return result;
  // Once read, a swapped page is present and private, and a mark is present and a page of the file.
  for (const util::Range& pages : doubtful)
    for (uint64_t address = pages.start; address < pages.end; address += kPageSize) {
      char byte;
      if (pread(mem.get(), &byte, 1, static_cast<off_t>(address)) < 0) continue;
    }
  return private_ranges(range, nullptr);
}

util::RangeSet Pagemap::private_ranges(util::Range range, util::RangeSet* doubtful) {
  if (!has_scan_) {
    if (doubtful)
      *doubtful = classic_ranges(range, [](PagemapEntry entry) {
        return entry.swapped() && entry.write_protected() && !entry.file() && !entry.guard();
      });
    return classic_ranges(range, [](PagemapEntry entry) {
      return !entry.file() && (entry.present() || (entry.swapped() && !entry.guard()));
    });
  }
  util::RangeSet result;
  ScanRequest request{.start = range.start, .end = range.end};
  request.category_inverted = request.category_mask = kPageFile | guard_;
  request.category_anyof_mask = kPagePresent | kPageSwapped;
  request.return_mask = kPageSwapped | kPageWritten;
  scan(request, [&](uint64_t start, uint64_t end, uint64_t categories) {
    result.add(start, end);
    if (doubtful && categories == kPageSwapped) doubtful->add(start, end);
  });
  return result;
}

}  // namespace rollpoint::memory
