// Finds the system call instructions that a debugger of snapshots has to see: at which a thread or the program ends by
// itself, or changes files by name. In the text of its executable and of its libraries. Knows nothing of breakpoints.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "memory/maps.h"
#include "snapshot/relay_sites.h"
#include "tracee/process.h"

namespace rollpoint::snapshot {

/// Addresses of `syscall` instructions, as far as can be told from the code before them which call they make. Whoever
/// stops there must still look at rax.
class CallSites {
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
  std::vector<uint64_t> of_files() const;
  /// Calls of functions that do so with a number that they are told.
  RelaySites relays_to_files() const;
  /// Whether the program changes files, as far as can be told, by calls that are in neither list.
  bool misses_files() const { return executable_.open_relay || (!has_library_ && executable_.files.empty() && executable_.relays.empty()); }

 private:
  struct Sites {
    std::vector<uint64_t> thread, program, files;
    RelaySites relays;
    bool open_relay = false;
  };
  enum class Text { kCLibrary, kExecutable, kOther };
  static void search(tracee::Process& process, const memory::Vma& vma, Text kind, Sites& sites);
  void read_executable(tracee::Process& process, const std::vector<memory::Vma>& maps);

  Sites library_, executable_;
  std::map<std::tuple<uint64_t, dev_t, ino_t>, Sites> others_;  // by their addresses and files: read once
  bool has_library_ = false;
  // Return addresses are kept twice then: a call cannot be made for the program.
  bool has_shadow_stack_ = false;
  std::vector<memory::Vma> texts_, executable_texts_;
};

}  // namespace rollpoint::snapshot
