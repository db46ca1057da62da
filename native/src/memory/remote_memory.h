// Reads and writes the memory of another process, in bulk by process_vm_*, elsewhere by /proc/PID/mem.
// Knows addresses and bytes; not why, and not whether the process is stopped.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "memory/page.h"
#include "util/unique_fd.h"

namespace rollpoint::memory {

/// One page to write: 4096 bytes from `data` to page number `page`.
struct PageWrite {
  uint64_t page = 0;
  const std::byte* data = nullptr;
};

class RemoteMemory {
 public:
  /// kMemFile never uses process_vm_*, which un-shares what it reads: a must for the frozen twin, and for
  /// pages of the debuggee that it still shares with the twin (those not written since).
  enum class Access { kDirect, kMemFile };
  /// Called with the index in the span and the page number of each page that could not be transferred.
  using Failed = std::function<void(size_t index, uint64_t page)>;

  /// Opens /proc/PID/mem for reading and writing, with kMemFile for reading if writing is refused.
  /// Throws SysError.
  explicit RemoteMemory(pid_t pid, Access access = Access::kDirect);

  pid_t pid() const { return pid_; }
  int fd() const { return mem_.get(); }

  /// Bytes read: fewer than `size` when a hole or a page without content lies in the way, 0 also when the
  /// process is gone. Ignores page protection. Throws SysError only for a broken descriptor or buffer.
  size_t read(uint64_t address, void* buffer, size_t size) const;
  /// Likewise, for writing; goes through read-only private pages too.
  size_t write(uint64_t address, const void* buffer, size_t size) const;

  /// Reads whole pages one after the other to `out` (page_numbers.size() * 4096 bytes); fastest when the
  /// numbers ascend. A page that cannot be read is zeroed in `out` and reported. Returns how many failed.
  size_t read_pages(std::span<const uint64_t> page_numbers, std::byte* out, const Failed& failed = {});
  /// Writes whole pages. Returns how many failed (holes; read-only shared pages: those need a remote
  /// mprotect or a descriptor).
  size_t write_pages(std::span<const PageWrite> pages, const Failed& failed = {});

 private:
  pid_t pid_;
  Access access_;
  util::UniqueFd mem_;
  std::vector<iovec> local_, remote_;
};

}  // namespace rollpoint::memory
