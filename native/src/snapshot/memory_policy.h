// On which nodes memory is to lie (mempolicy(2), numa(7)): of a thread, and of single mappings.
// Where pages lie is not its business; they are not moved.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "memory/maps.h"
#include "tracee/remote_syscalls.h"
#include "util/range_set.h"
#include "util/warning.h"

namespace rollpoint::snapshot {

struct MemoryPolicy {
  int mode = 0;  // with its flags, as set_mempolicy(2) takes it; 0: MPOL_DEFAULT
  int unused = 0;
  std::array<uint64_t, 16> nodes{};
  bool is_default() const { return mode == 0; }
  bool operator==(const MemoryPolicy&) const = default;
};

struct MappingPolicy {
  util::Range range;
  MemoryPolicy policy;
};

/// Of the calling thread, stored at `at`, where zeros are: sizeof(MemoryPolicy).
tracee::RemoteCall ask_policy(uint64_t at);
/// From one that lies at `at`.
tracee::RemoteCall set_policy(uint64_t at, const MemoryPolicy& policy);

/// Memory can lie on several nodes: mappings have to be asked.
bool has_several_nodes();
/// Of private mappings, only others than the default. One remote call for each.
std::vector<MappingPolicy> read_mapping_policies(tracee::Process& process, const std::vector<memory::Vma>& maps);
/// The layout is the wanted one already, in mappings `maps`. What could not be put back.
util::Warnings restore_mapping_policies(tracee::Process& process, const std::vector<memory::Vma>& maps, const std::vector<MappingPolicy>& wanted);

}  // namespace rollpoint::snapshot
