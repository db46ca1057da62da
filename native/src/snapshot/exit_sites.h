// Finds the system call instructions at which a thread, or the program, ends by itself, in the text of its executable
// and of its C library. Knows nothing of breakpoints.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/maps.h"
#include "tracee/process.h"

namespace rollpoint::snapshot {

/// Addresses of `syscall` instructions that run SYS_exit or SYS_exit_group, as far as can be told from the code before
/// them. Whoever stops there must still look at rax.
class ExitSites {
 public:
  /// The libraries of a program come and go; their text is read again only when the list has changed.
  void refresh(tracee::Process& process, const std::vector<memory::Vma>& maps);
  /// Reads the executable ahead, which may be long; for when nobody waits.
  void prepare(tracee::Process& process);
  /// After an exec.
  void clear() { *this = {}; }

  /// Where a thread ends (SYS_exit).
  std::vector<uint64_t> of_threads() const;
  /// Where the program ends: SYS_exit_group, and SYS_exit outside a C library, since the last thread may end by it.
  std::vector<uint64_t> of_program() const;
  /// Where files and their names are changed, other than through an open descriptor.
  std::vector<uint64_t> of_files() const { return has_library_ ? library_.files : executable_.files; }

 private:
  struct Sites {
    std::vector<uint64_t> thread, program, files;
  };
  static Sites search(tracee::Process& process, const std::vector<const memory::Vma*>& texts, bool from_file);
  void read_executable(tracee::Process& process, const std::vector<memory::Vma>& maps);

  Sites library_, executable_;
  bool has_library_ = false;
  std::vector<memory::Vma> texts_, executable_texts_;
};

}  // namespace rollpoint::snapshot
