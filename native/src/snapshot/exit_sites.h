// Finds the system call instructions at which a thread of the program ends, in the text of its C library.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/maps.h"
#include "tracee/process.h"

namespace rollpoint::snapshot {

/// Addresses of `syscall` instructions that run SYS_exit, as far as they can be told from the code before them.
/// Whoever stops there must still look at rax.
std::vector<uint64_t> find_exit_sites(tracee::Process& process, const std::vector<memory::Vma>& maps);

}  // namespace rollpoint::snapshot
