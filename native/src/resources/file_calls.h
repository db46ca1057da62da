// Which system calls change files or names, and what a thread that stands before one is about to change.
// Reads the debuggee; touches no file.
#pragma once

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
};

/// Numbers worth a hidden breakpoint.
std::span<const uint32_t> file_call_numbers();
/// Empty where the call changes nothing (an open for reading).
FileCall read_file_call(tracee::Process& process, tracee::Tracee& tracee, uint64_t number);
bool is_file_call(uint64_t number);

}  // namespace rollpoint::resources
