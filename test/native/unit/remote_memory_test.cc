// RemoteMemory on a child that sleeps: bulk and single pages, holes, read-only memory, and that a twin stays shared.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "check.h"
#include "memory/pagemap.h"
#include "memory/remote_memory.h"

using namespace rollpoint::memory;

namespace {

constexpr size_t kPages = 4000;
// Of the area: [0, 1000) read-write, [1000, 1100) no mapping, [1100, 1400) read-only, [1400, 1420) no access,
// the rest read-write.
bool is_hole(size_t page) { return page >= 1000 && page < 1100; }

uint64_t word_of(size_t page) { return 0x1234567800000000 + page; }

/// A child with the area as above, each page marked with its number; it ends with the test.
class Child {
 public:
  Child() {
    area_ = static_cast<std::byte*>(
        mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(area_ != MAP_FAILED);
    madvise(area_, kPages * kPageSize, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < kPages; ++page) {
      const uint64_t word = word_of(page);
      std::memcpy(area_ + page * kPageSize + 8, &word, sizeof word);
    }
    munmap(area_ + 1000 * kPageSize, 100 * kPageSize);
    mprotect(area_ + 1100 * kPageSize, 300 * kPageSize, PROT_READ);
    mprotect(area_ + 1400 * kPageSize, 20 * kPageSize, PROT_NONE);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(area_, kPages * kPageSize);
  }
  pid_t pid() const { return pid_; }
  uint64_t address(size_t page = 0) const { return reinterpret_cast<uint64_t>(area_) + page * kPageSize; }
  uint64_t number(size_t page) const { return page_number(address(page)); }

 private:
  std::byte* area_;
  pid_t pid_;
};

uint64_t word_at(const std::byte* page) {
  uint64_t word;
  std::memcpy(&word, page + 8, sizeof word);
  return word;
}

void bytes_are_read_up_to_a_hole() {
  Child child;
  RemoteMemory memory(child.pid());
  uint64_t word = 0;
  CHECK(memory.read(child.address(7) + 8, &word, sizeof word) == sizeof word && word == word_of(7));
  std::vector<std::byte> buffer(8 * kPageSize);
  CHECK(memory.read(child.address(998) + 100, buffer.data(), buffer.size()) == 2 * kPageSize - 100);
  CHECK(memory.read(child.address(1050), buffer.data(), 16) == 0);
  CHECK(memory.read(child.address(1405) + 8, &word, sizeof word) == sizeof word && word == word_of(1405));
  CHECK(memory.read(0, buffer.data(), 16) == 0);
  const uint64_t other = 42;
  CHECK(memory.write(child.address(7) + 8, &other, sizeof other) == sizeof other);
  CHECK(memory.write(child.address(1200) + 8, &other, sizeof other) == sizeof other);
  CHECK(memory.read(child.address(1200) + 8, &word, sizeof word) == sizeof word && word == 42);
  CHECK(memory.write(child.address(999) + kPageSize - 4, &other, sizeof other) == 4);
  CHECK(memory.write(child.address(1000), &other, sizeof other) == 0);
}

void pages_are_read_in_any_order(RemoteMemory::Access access) {
  Child child;
  RemoteMemory memory(child.pid(), access);
  check::Random random(6);
  for (int round = 0; round < 4; ++round) {
    std::vector<size_t> pages;
    if (round == 0)
      for (size_t page = 0; page < kPages; ++page) pages.push_back(page);
    else
      for (size_t page = 0; page < kPages; ++page)
        if (random.below(4) < static_cast<uint64_t>(round)) pages.push_back(page);
    if (round == 2)
      for (size_t i = pages.size(); i-- > 1;) std::swap(pages[i], pages[random.below(i + 1)]);
    std::vector<uint64_t> numbers;
    for (size_t page : pages) numbers.push_back(child.number(page));
    std::vector<std::byte> out(pages.size() * kPageSize, std::byte{0xee});
    std::set<size_t> failed;
    const size_t failures = memory.read_pages(numbers, out.data(), [&](size_t index, uint64_t page) {
      CHECK(page == numbers[index]);
      CHECK(failed.insert(index).second);
    });
    CHECK(failures == failed.size());
    for (size_t i = 0; i < pages.size(); ++i) {
      CHECK(is_hole(pages[i]) == failed.contains(i));
      CHECK(word_at(out.data() + i * kPageSize) == (is_hole(pages[i]) ? 0 : word_of(pages[i])));
    }
  }
  CHECK(memory.read_pages({}, nullptr) == 0);
}

void pages_are_written_wherever_possible(RemoteMemory::Access access) {
  Child child;
  RemoteMemory memory(child.pid(), access);
  check::Random random(7);
  std::vector<std::byte> source(kPages * kPageSize, std::byte{0x55});
  for (size_t page = 0; page < kPages; ++page) {
    const uint64_t word = word_of(page) * 3;
    std::memcpy(source.data() + page * kPageSize + 8, &word, sizeof word);
  }
  for (int round = 0; round < 3; ++round) {
    std::vector<PageWrite> writes;
    std::vector<size_t> pages;
    for (size_t page = 0; page < kPages; ++page) {
      if (round != 0 && random.below(3) == 0) continue;
      pages.push_back(page);
      // Round 2 mirrors the sources, so that nothing adjoins.
      const size_t from = round == 2 ? kPages - 1 - page : page;
      writes.push_back({child.number(page), source.data() + from * kPageSize});
    }
    std::set<size_t> failed;
    const size_t failures = memory.write_pages(writes, [&](size_t index, uint64_t page) {
      CHECK(page == writes[index].page);
      CHECK(failed.insert(index).second);
    });
    CHECK(failures == failed.size());
    for (size_t i = 0; i < pages.size(); ++i) {
      CHECK(is_hole(pages[i]) == failed.contains(i));
      if (is_hole(pages[i])) continue;
      uint64_t word = 0;
      CHECK(memory.read(child.address(pages[i]) + 8, &word, sizeof word) == sizeof word);
      CHECK(word == word_of(round == 2 ? kPages - 1 - pages[i] : pages[i]) * 3);
    }
  }
}

void reading_a_twin_leaves_it_shared() {
  Child child;
  RemoteMemory memory(child.pid(), RemoteMemory::Access::kMemFile);
  Pagemap pagemap(child.pid());
  std::vector<uint64_t> numbers;
  for (size_t page = 0; page < 1000; ++page) numbers.push_back(child.number(page));
  std::vector<std::byte> out(numbers.size() * kPageSize);
  CHECK(memory.read_pages(numbers, out.data()) == 0);
  std::vector<PagemapEntry> entries(numbers.size());
  CHECK(pagemap.read_entries(numbers[0], entries.size(), entries.data()) == entries.size());
  for (const PagemapEntry& entry : entries) CHECK(entry.present() && !entry.exclusive());
}

void a_process_that_is_gone_reads_as_nothing() {
  auto child = std::make_unique<Child>();
  RemoteMemory memory(child->pid());
  const uint64_t address = child->address(3), number = child->number(3);
  child.reset();
  std::byte page[kPageSize];
  CHECK(memory.read(address, page, sizeof page) == 0);
  CHECK(memory.write(address, page, sizeof page) == 0);
  CHECK(memory.read_pages({&number, 1}, page) == 1);
  const PageWrite write{number, page};
  CHECK(memory.write_pages({&write, 1}) == 1);
  CHECK_THROWS(RemoteMemory(-1));
}

}  // namespace

int main() {
  using enum RemoteMemory::Access;
  return check::run({
      {"remote memory: bytes are read up to a hole", bytes_are_read_up_to_a_hole},
      {"remote memory: pages are read in any order", [] { pages_are_read_in_any_order(kDirect); }},
      {"remote memory: pages are read in any order by the memory file", [] { pages_are_read_in_any_order(kMemFile); }},
      {"remote memory: pages are written wherever possible", [] { pages_are_written_wherever_possible(kDirect); }},
      {"remote memory: pages are written wherever possible by the memory file",
       [] { pages_are_written_wherever_possible(kMemFile); }},
      {"remote memory: reading a twin leaves it shared", reading_a_twin_leaves_it_shared},
      {"remote memory: a process that is gone reads as nothing", a_process_that_is_gone_reads_as_nothing},
  });
}
