// Which system calls change files or names, and what a thread that stands before one is about to change.
// Reads the debuggee; touches no file.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::resources {

struct FileCall {
  struct Place {
    std::string path;  // absolute, without symbolic links
    bool content = false;  // of the file that stands there: may be written, or loses this name
    bool loses_name = false;
  };
  std::vector<Place> places;
  /// What stands at `from` is to have the name `to`, or both are exchanged; empty: nothing is renamed.
  std::string from, to;
};

/// Where a function that makes any system call is told which: syscall(2), or a C library's own for cancellation points.
enum class NumberIn { kFirstArgument, kSeventhArgument };

struct CallArguments {
  uint64_t number = 0;
  std::array<uint64_t, 6> values{};
};
/// Of a thread at a system call instruction.
CallArguments arguments_at_instruction(tracee::Tracee& tracee);
/// Of one that is about to call such a function, its return address not yet pushed.
CallArguments arguments_at_relay(tracee::Process& process, tracee::Tracee& tracee, NumberIn number);

/// Numbers worth a hidden breakpoint.
std::span<const uint32_t> file_call_numbers();
/// Empty where the call changes nothing (an open for reading).
FileCall read_file_call(tracee::Process& process, tracee::Tracee& tracee, const CallArguments& arguments);
bool is_file_call(uint64_t number);

}  // namespace rollpoint::resources
