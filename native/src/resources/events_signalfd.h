// signalfd(2): the set of signals it takes. What is pending belongs to the process, not to it.
#pragma once

#include <optional>
#include <string>

#include "resources/descriptors.h"

namespace rollpoint::resources {

/// Bit n is signal n + 1.
uint64_t read_signalfd(const tracee::Process& process, int number);
util::UniqueFd create_signalfd(uint64_t mask, int flags);
/// Why it could not.
std::optional<std::string> restore_signalfd(const tracee::Process& process, int number, uint64_t mask);

}  // namespace rollpoint::resources
