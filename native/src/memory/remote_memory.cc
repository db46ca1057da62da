// Bulk transfer by process_vm_readv/writev with /proc/PID/mem for what those refuse. See remote_memory.h.
#include "memory/remote_memory.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "util/error.h"

namespace rollpoint::memory {
namespace {

constexpr size_t kMaxVectors = IOV_MAX;
// One call never moves more than this: the kernel cuts a transfer at 2 GiB - 4 KiB.
constexpr size_t kMaxPages = 65536;

// Whether a failed transfer says "nothing there" rather than "you use me wrongly".
bool is_hole(int error) { return error == EIO || error == EFAULT || error == ENOMEM || error == ESRCH || error == EPERM; }

iovec at(uint64_t address, size_t size) { return {reinterpret_cast<void*>(address), size}; }

}  // namespace

RemoteMemory::RemoteMemory(pid_t pid, Access access) : pid_(pid), access_(access) {
  const std::string path = "/proc/" + std::to_string(pid) + "/mem";
  mem_.reset(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!mem_ && access == Access::kMemFile) mem_.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!mem_) throw util::SysError("open " + path, errno);
  local_.reserve(kMaxVectors);
  remote_.reserve(kMaxVectors);
}

size_t RemoteMemory::read(uint64_t address, void* buffer, size_t size) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(mem_.get(), static_cast<std::byte*>(buffer) + done, size - done,
                              static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && !is_hole(errno)) throw util::SysError("read debuggee memory", errno);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

size_t RemoteMemory::write(uint64_t address, const void* buffer, size_t size) const {
  size_t done = 0;
  while (done < size) {
    const ssize_t put = pwrite(mem_.get(), static_cast<const std::byte*>(buffer) + done, size - done,
                               static_cast<off_t>(address + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && !is_hole(errno)) throw util::SysError("write debuggee memory", errno);
    if (put <= 0) break;
    done += static_cast<size_t>(put);
  }
  return done;
}

size_t RemoteMemory::read_pages(std::span<const uint64_t> page_numbers, std::byte* out, const Failed& failed) {
  const size_t count = page_numbers.size();
  size_t failures = 0, patience = 1;
  for (size_t from = 0; from < count;) {
    remote_.clear();
    size_t to = from;
    while (to < count && to - from < kMaxPages) {
      const uint64_t address = page_address(page_numbers[to]);
      if (to > from && page_numbers[to] == page_numbers[to - 1] + 1)
        remote_.back().iov_len += kPageSize;
      else if (remote_.size() < (access_ == Access::kDirect ? kMaxVectors : 1))
        remote_.push_back(at(address, kPageSize));
      else
        break;
      ++to;
    }
    std::byte* const target = out + from * kPageSize;
    size_t done;  // whole pages transferred, up to the first that refuses
    if (access_ == Access::kDirect) {
      const iovec local{target, (to - from) * kPageSize};
      const ssize_t got = process_vm_readv(pid_, &local, 1, remote_.data(), remote_.size(), 0);
      done = got > 0 ? static_cast<size_t>(got) / kPageSize : 0;
    } else {
      done = read(page_address(page_numbers[from]), target, (to - from) * kPageSize) / kPageSize;
    }
    from += done;
    // Pages that refuse come in runs: ever more of them are taken one by one before the next bulk try.
    patience = done != 0 ? 1 : patience * 2;
    for (size_t single = 0; single < patience && from < to; ++single, ++from) {
      std::byte* const page = out + from * kPageSize;
      if (read(page_address(page_numbers[from]), page, kPageSize) == kPageSize) continue;
      std::memset(page, 0, kPageSize);
      ++failures;
      if (failed) failed(from, page_numbers[from]);
    }
  }
  return failures;
}

size_t RemoteMemory::write_pages(std::span<const PageWrite> pages, const Failed& failed) {
  const size_t count = pages.size();
  size_t failures = 0, patience = 1;
  for (size_t from = 0; from < count;) {
    size_t to = from;
    if (access_ == Access::kDirect) {
      remote_.clear();
      local_.clear();
      while (to < count && to - from < kMaxPages) {
        const bool follows = to > from && pages[to].page == pages[to - 1].page + 1;
        const bool adjoins = to > from && pages[to].data == pages[to - 1].data + kPageSize;
        if ((!follows && remote_.size() == kMaxVectors) || (!adjoins && local_.size() == kMaxVectors)) break;
        if (follows)
          remote_.back().iov_len += kPageSize;
        else
          remote_.push_back(at(page_address(pages[to].page), kPageSize));
        if (adjoins)
          local_.back().iov_len += kPageSize;
        else
          local_.push_back({const_cast<std::byte*>(pages[to].data), kPageSize});
        ++to;
      }
      const ssize_t put = process_vm_writev(pid_, local_.data(), local_.size(), remote_.data(), remote_.size(), 0);
      const size_t done = put > 0 ? static_cast<size_t>(put) / kPageSize : 0;
      from += done;
      patience = done != 0 ? 1 : patience * 2;
    } else {
      to = patience = count;
    }
    for (size_t single = 0; single < patience && from < to; ++single, ++from) {
      if (write(page_address(pages[from].page), pages[from].data, kPageSize) == kPageSize) continue;
      ++failures;
      if (failed) failed(from, pages[from].page);
    }
  }
  return failures;
}

}  // namespace rollpoint::memory
