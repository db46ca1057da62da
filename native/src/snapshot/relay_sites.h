// Where a program makes system calls through a function that takes the call's number: syscall(2) and what C libraries have
// of that kind for themselves. Looks at text; knows nothing of breakpoints.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "resources/file_calls.h"

namespace rollpoint::snapshot {

/// One call of such a function.
struct RelaySite {
  resources::NumberIn number = resources::NumberIn::kFirstArgument;
  bool returns = true;  // a call; else a jump to the function
  uint8_t length = 0;   // of the instruction, bytes
  bool by_slot = false; // `target` is where the function's address stands
  uint64_t target = 0;
  bool operator==(const RelaySite&) const = default;
};
using RelaySites = std::map<uint64_t, RelaySite>;  // by address

struct Text {
  std::span<const uint8_t> code;
  uint64_t address = 0;  // of its first byte
};

/// Calls of a function of the text's own that makes whatever call it is told, with a number that changes files.
/// `several`: only of functions that are called with more than one of these numbers, as a C library's own is.
RelaySites find_own_relays(const Text& text, bool several);
/// Calls of a function whose address stands in one of `slots`, with such a number or one that cannot be told.
RelaySites find_imported_relays(const Text& text, const std::set<uint64_t>& slots);
/// A function as Go has it: all system calls go through it, with numbers that nobody can tell from its text.
bool has_open_relay(const Text& text);

}  // namespace rollpoint::snapshot
