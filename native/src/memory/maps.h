// Reads the layout of an address space: /proc/PID/maps and the VmFlags of /proc/PID/smaps.
// Knows nothing of ptrace, page contents and snapshots.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/range_set.h"

namespace rollpoint::memory {

struct Vma {
  uint64_t start = 0;
  uint64_t end = 0;
  int prot = 0;         // PROT_READ | PROT_WRITE | PROT_EXEC
  bool shared = false;  // MAP_SHARED
  uint64_t offset = 0;  // bytes into the file
  dev_t device = 0;
  ino_t inode = 0;
  std::string path;  // as in /proc/PID/maps, newlines unescaped; "[heap]" and the like; may end in " (deleted)"

  util::Range range() const { return {start, end}; }
  uint64_t bytes() const { return end - start; }
  bool contains(uint64_t address) const { return address >= start && address < end; }
  bool writable() const;

  /// Private memory with no file behind it: heap, stack, named or not. Not vdso and the like.
  bool is_anonymous() const { return !is_file() && !is_special(); }
  /// A file stands behind it, or a memfd, shared anonymous or SysV memory (see below). The first SysV segment of a system has
  /// number 0, which is its inode.
  bool is_file() const { return inode != 0 || path.starts_with("/SYSV"); }
  bool is_stack() const { return path == "[stack]"; }
  bool is_heap() const { return path == "[heap]"; }
  /// The kernel's own, never written and never unmapped with the layout: vdso, vvar*, vsyscall, uprobes, and the rings of
  /// io_uring and Linux AIO, whose positions the kernel knows too.
  bool is_special() const;
  /// MAP_SHARED | MAP_ANONYMOUS.
  bool is_shared_anonymous() const;
  bool is_memfd() const { return path.starts_with("/memfd:"); }
  bool is_sysv() const { return path.starts_with("/SYSV"); }
  /// The file's name is gone (its content is not).
  bool deleted() const { return is_file() && path.ends_with(" (deleted)"); }
  /// `path` without the " (deleted)" mark.
  std::string file_path() const;

  bool operator==(const Vma&) const = default;
};

/// Throws SysError (ENOENT, ESRCH: no such process; EACCES: not ours to look at or not dumpable).
std::vector<Vma> read_maps(pid_t pid);
/// Parses the text of /proc/PID/maps. Throws SysError(EINVAL) on a line that is none.
std::vector<Vma> parse_maps(std::string_view text);
/// The mapping that holds `address` in a list sorted by address, or nullptr. O(log n).
const Vma* find_vma(const std::vector<Vma>& maps, uint64_t address);

/// Bits of VmFlags, named as the two letters of proc(5).
struct VmFlags {
  bool dc : 1 = false;  // not copied by fork (MADV_DONTFORK)
  bool dd : 1 = false;  // left out of core dumps
  bool wf : 1 = false;  // wiped by fork
  bool lo : 1 = false;  // locked
  bool nr : 1 = false;  // no swap space reserved
  bool io : 1 = false;  // device memory
  bool pf : 1 = false;  // bare page frames
  bool sl : 1 = false;  // sealed
  bool ht : 1 = false;  // hugetlb
  bool gu : 1 = false;  // has guard regions
  bool um : 1 = false;  // userfaultfd, missing
  bool uw : 1 = false;  // userfaultfd, write-protect
  bool dp : 1 = false;  // droppable
  bool ss : 1 = false;  // shadow stack
  bool gd : 1 = false;  // grows down
  bool hg : 1 = false;  // MADV_HUGEPAGE
  bool nh : 1 = false;  // MADV_NOHUGEPAGE
  bool mg : 1 = false;  // MADV_MERGEABLE

  bool operator==(const VmFlags&) const = default;
};

struct VmaFlags {
  uint64_t start = 0;
  uint64_t end = 0;
  VmFlags flags;
  uint64_t swapped = 0;  // bytes; of shared memory those of the whole object that it shows
};

/// In address order. Slow, since the kernel counts the pages of each mapping: not for the pause.
/// Throws as read_maps.
std::vector<VmaFlags> read_smaps_flags(pid_t pid);
std::vector<VmaFlags> parse_smaps_flags(std::string_view text);

}  // namespace rollpoint::memory
