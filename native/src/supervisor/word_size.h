// Which programs this core can work on: those of 64 bits. Others have other registers and system call numbers.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace rollpoint::supervisor {

/// Why the program of this stopped thread is refused, in words; nothing where it is not.
std::optional<std::string> refusal(pid_t tid);

}  // namespace rollpoint::supervisor
