// Pagemap: what this process did to its pages, by PAGEMAP_SCAN and by the classic entries, which must agree.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"
#include "memory/pagemap.h"

using namespace rollpoint::memory;
using rollpoint::util::Range;
using rollpoint::util::RangeSet;

namespace {

struct Area {
  Area(size_t pages, int flags, int fd = -1) : pages(pages) {
    address = static_cast<volatile std::byte*>(mmap(nullptr, pages * kPageSize, PROT_READ | PROT_WRITE, flags, fd, 0));
    CHECK(address != MAP_FAILED);
    // Huge pages would be present as a whole.
    if (flags & MAP_PRIVATE) madvise(const_cast<std::byte*>(address), pages * kPageSize, MADV_NOHUGEPAGE);
  }
  ~Area() { munmap(const_cast<std::byte*>(address), pages * kPageSize); }
  void write(size_t page, int value = 1) { address[page * kPageSize + 7] = static_cast<std::byte>(value); }
  void read(size_t page) { (void)address[page * kPageSize]; }
  void drop(size_t page, size_t count = 1) {
    CHECK(madvise(const_cast<std::byte*>(address) + page * kPageSize, count * kPageSize, MADV_DONTNEED) == 0);
  }
  uint64_t start() const { return reinterpret_cast<uint64_t>(address); }
  Range range() const { return {start(), start() + pages * kPageSize}; }
  RangeSet set(std::initializer_list<Range> page_ranges) const {
    RangeSet result;
    for (const Range& range : page_ranges) result.add(start() + range.start * kPageSize, start() + range.end * kPageSize);
    return result;
  }
  size_t pages;
  volatile std::byte* address;
};

int temporary_file(size_t pages) {
  char name[] = "/tmp/rollpoint-unit-XXXXXX";
  const int fd = mkstemp(name);
  CHECK(fd >= 0 && unlink(name) == 0);
  const std::string content(pages * kPageSize, 'f');
  CHECK(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  return fd;
}

/// Both ways of asking; on kernels without PAGEMAP_SCAN they are the same.
struct Both {
  Pagemap best{getpid()}, classic{getpid(), Pagemap::Path::kClassic};
  RangeSet present(Range range) {
    CHECK(best.present_ranges_of_mapping(range) == best.present_ranges(range));
    return same(best.present_ranges(range), classic.present_ranges(range));
  }
  RangeSet own(Range range) { return same(best.present_private_ranges(range), classic.present_private_ranges(range)); }
  static RangeSet same(const RangeSet& a, const RangeSet& b) {
    CHECK(a == b);
    return a;
  }
};

void anonymous_pages_come_and_go() {
  Both pagemap;
  CHECK(!pagemap.classic.has_scan());
  Area area(64, MAP_PRIVATE | MAP_ANONYMOUS);
  CHECK(pagemap.present(area.range()).empty());
  for (size_t page : {3, 4, 5, 20, 63}) area.write(page);
  CHECK(pagemap.present(area.range()) == area.set({{3, 6}, {20, 21}, {63, 64}}));
  CHECK(pagemap.own(area.range()) == pagemap.present(area.range()));
  area.drop(4, 20);
  CHECK(pagemap.present(area.range()) == area.set({{3, 4}, {63, 64}}));
}

void ranges_are_cut_to_what_was_asked() {
  Both pagemap;
  Area area(16, MAP_PRIVATE | MAP_ANONYMOUS);
  for (size_t page = 0; page < 16; ++page) area.write(page);
  const Range part{area.start() + 4 * kPageSize, area.start() + 9 * kPageSize};
  CHECK((pagemap.present(part) == RangeSet{part}));
  CHECK(pagemap.present(Range{part.start, part.start}).empty());
}

void private_file_pages_count_once_written() {
  Both pagemap;
  const int fd = temporary_file(16);
  Area area(16, MAP_PRIVATE, fd);
  for (size_t page : {1, 2, 3, 8}) area.read(page);
  CHECK(pagemap.own(area.range()).empty());
  CHECK(pagemap.present(area.range()).contains(area.start() + 2 * kPageSize));
  for (size_t page : {2, 9}) area.write(page);
  CHECK(pagemap.own(area.range()) == area.set({{2, 3}, {9, 10}}));
  area.drop(2);
  CHECK(pagemap.own(area.range()) == area.set({{9, 10}}));
  close(fd);
}

void shared_pages_are_never_private() {
  Both pagemap;
  Area anonymous(8, MAP_SHARED | MAP_ANONYMOUS);
  anonymous.write(2);
  anonymous.write(3);
  CHECK(pagemap.present(anonymous.range()) == anonymous.set({{2, 4}}));
  CHECK(pagemap.own(anonymous.range()).empty());
  const int fd = temporary_file(8);
  Area file(8, MAP_SHARED, fd);
  file.write(5);
  CHECK(pagemap.present(file.range()).contains(file.start() + 5 * kPageSize));
  CHECK(pagemap.own(file.range()).empty());
  close(fd);
}

void marks_left_by_write_protection_are_no_pages() {
  // Where the kernel refuses userfaultfd nobody can leave such marks.
  const int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */));
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = uint64_t{1} << 15 | uint64_t{1} << 13;  // WP_ASYNC, WP_UNPOPULATED
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0) return;
  Both pagemap;
  const int file = temporary_file(16);
  Area area(16, MAP_PRIVATE, file);
  uffdio_register region{};
  region.range.start = area.start();
  region.range.len = 16 * kPageSize;
  region.mode = UFFDIO_REGISTER_MODE_WP;
  CHECK(ioctl(fd, UFFDIO_REGISTER, &region) == 0);
  const auto prepare = [&] {
    for (size_t page : {0, 1, 2, 9}) area.write(page);
    for (size_t page : {3, 4}) area.read(page);
    ScanRequest arm{.start = area.range().start, .end = area.range().end, .flags = kScanWpMatching};
    arm.category_mask = arm.return_mask = kPageWritten;
    arm.category_anyof_mask = kPagePresent | kPageSwapped;
    if (pagemap.best.has_scan()) pagemap.best.scan(arm, [](uint64_t, uint64_t, uint64_t) {});
    area.drop(1);
    area.drop(3);
  };
  for (Pagemap* asked : {&pagemap.best, &pagemap.classic}) {
    prepare();
    CHECK(asked->present_private_ranges(area.range()) == area.set({{0, 1}, {2, 3}, {9, 10}}));
  }
  CHECK(area.address[kPageSize + 7] == std::byte{'f'});
  close(fd);
  close(file);
}

void random_pages_match_a_model() {
  Both pagemap;
  constexpr size_t kPages = 20000;  // more ranges and entries than one buffer holds
  Area area(kPages, MAP_PRIVATE | MAP_ANONYMOUS);
  std::vector<bool> there(kPages);
  check::Random random(5);
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 9000; ++i) {
      const size_t page = random.below(kPages);
      area.write(page);
      there[page] = true;
    }
    for (int i = 0; i < 100; ++i) {
      const size_t page = random.below(kPages), count = std::min(random.below(100), kPages - page);
      area.drop(page, count);
      std::fill_n(there.begin() + static_cast<long>(page), count, false);
    }
    RangeSet expected;
    for (size_t page = 0; page < kPages; ++page)
      if (there[page]) expected.add(area.start() + page * kPageSize, area.start() + (page + 1) * kPageSize);
    CHECK(pagemap.present(area.range()) == expected);
    CHECK(pagemap.own(area.range()) == expected);
  }
}

void more_ranges_than_the_buffer_holds() {
  Both pagemap;
  constexpr size_t kPages = 50000;
  Area area(kPages, MAP_PRIVATE | MAP_ANONYMOUS);
  for (size_t page = 0; page < kPages; page += 2) area.write(page);
  const RangeSet present = pagemap.present(area.range());
  CHECK(present.size() == kPages / 2 && present.bytes() == kPages / 2 * kPageSize);
  if (!pagemap.best.has_scan()) return;
  uint64_t reports = 0, previous_end = 0;
  ScanRequest request{.start = area.range().start, .end = area.range().end};
  request.category_mask = request.return_mask = kPagePresent;
  pagemap.best.scan(request, [&](uint64_t start, uint64_t end, uint64_t categories) {
    CHECK(start >= previous_end && end == start + kPageSize && categories == kPagePresent);
    previous_end = end;
    ++reports;
  });
  CHECK(reports == kPages / 2);
}

void entries_and_mistakes() {
  Both pagemap;
  Area area(4, MAP_PRIVATE | MAP_ANONYMOUS);
  area.write(1);
  PagemapEntry entries[4];
  CHECK(pagemap.classic.read_entries(page_number(area.start()), 4, entries) == 4);
  CHECK(!entries[0].present() && entries[1].present() && !entries[1].file() && entries[1].exclusive());
  CHECK(!entries[1].swapped() && !entries[1].guard() && !entries[1].write_protected());
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  CHECK(pagemap.classic.read_entries(page_number(area.start()), 4, entries) == 4);
  CHECK(entries[1].present() && !entries[1].exclusive());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK_THROWS(Pagemap(-1));
  ScanRequest request{.start = area.range().start, .end = area.range().end, .flags = kScanCheckWpAsync};
  CHECK_THROWS(pagemap.classic.scan(request, [](uint64_t, uint64_t, uint64_t) {}));
  request.category_mask = request.return_mask = kPageWritten;
  CHECK_THROWS(pagemap.best.scan(request, [](uint64_t, uint64_t, uint64_t) {}));
}

}  // namespace

int main() {
  return check::run({
      {"pagemap: anonymous pages come and go", anonymous_pages_come_and_go},
      {"pagemap: ranges are cut to what was asked", ranges_are_cut_to_what_was_asked},
      {"pagemap: private file pages count once written", private_file_pages_count_once_written},
      {"pagemap: shared pages are never private", shared_pages_are_never_private},
      {"pagemap: marks left by write protection are no pages", marks_left_by_write_protection_are_no_pages},
      {"pagemap: random pages match a model", random_pages_match_a_model},
      {"pagemap: more ranges than the buffer holds", more_ranges_than_the_buffer_holds},
      {"pagemap: entries and mistakes", entries_and_mistakes},
  });
}
