// The layout of the address space: which mappings a snapshot has, and bringing the live process back to them.
// Contents are not its business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory/maps.h"
#include "tracee/process.h"
#include "tracee/window.h"
#include "util/range_set.h"
#include "util/unique_fd.h"

namespace rollpoint::snapshot {

/// What is asked for in one stop before anything is scanned beside us.
struct Footing {
  uint64_t program_break = 0;
  int processor = -1;  // that the process's calls run on
};
/// `writable`: likewise made.
Footing ask_footing(tracee::Process& process, std::optional<tracee::WritableWindow>* writable = nullptr);

/// Mappings that a snapshot is about: all but the kernel's own and ours. Cuts our scratch pages out where the
/// kernel has merged them with a neighbour. Notes it when the program has put something else over our window.
std::vector<memory::Vma> tracked_maps(tracee::Process& process);

/// A descriptor of ours on what a mapping maps, for where its name is gone; empty where nobody holds it.
using OpenMapped = std::function<util::UniqueFd(const memory::Vma& vma)>;

/// Reasons, in words, why `wanted` cannot be brought back (a file that is gone). Changes nothing.
std::vector<std::string> obstacles(const std::vector<memory::Vma>& now, const std::vector<memory::Vma>& wanted, const std::function<bool(const std::string& path)>& will_exist, const OpenMapped& open_mapped);

struct Layout {
  std::vector<memory::Vma> maps;
  uint64_t program_break = 0;
};

/// brk, munmap, mmap and mprotect until the layout is `wanted`, from `now`; returns the mappings as they are then. Makes no
/// such call where nothing differs: it would wait for whoever scans beside it. Throws SysError, or CodedError when the result
/// differs.
std::vector<memory::Vma> restore_layout(tracee::Process& process, const Layout& now, const std::vector<memory::Vma>& wanted, uint64_t program_break, const OpenMapped& open_mapped);

/// Ranges whose backing or protection differs, in words; a stack that has grown counts as equal.
std::vector<std::string> compare_layout(const std::vector<memory::Vma>& now, const std::vector<memory::Vma>& wanted);

}  // namespace rollpoint::snapshot
