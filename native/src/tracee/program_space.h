// What exec alone sets up in an address space: the kernel's own pages (vdso), where code, break, stack and arguments
// are, and which file was run. Makes a process that was copied from another program ready for the mappings of this one.
#pragma once

#include <linux/prctl.h>

#include <string>
#include <vector>

#include "memory/maps.h"
#include "tracee/process.h"

namespace rollpoint::tracee {

struct ProgramSpace {
  std::vector<memory::Vma> kernel_pages;  // vvar and its like, vdso
  prctl_mm_map marks{};                   // PR_SET_MM_MAP (prctl(2)), without auxv, file and the end of the break
  std::vector<std::byte> auxv;
  util::Range stack;  // the part of it that is always there
  std::string executable;
};

/// Throws SysError.
ProgramSpace read_program_space(const Process& process);

/// For a stopped process of one thread, whose memory is a copy of another's. Afterwards it has the places of `wanted`, and
/// our pages where `scratch` says; mappings that are in the way are gone: what is left is for the layout to put right.
/// False where the file that was run stays another. Throws SysError or CodedError half-way.
bool take_program_space(Process& process, const ProgramSpace& wanted, const Scratch& scratch);

}  // namespace rollpoint::tracee
