#include "snapshot/memory_policy.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

namespace rollpoint::snapshot {

using memory::Vma;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr uint64_t kNodes = sizeof(MemoryPolicy::nodes) * 8;
constexpr uint64_t kNodesAt = offsetof(MemoryPolicy, nodes);

bool same(const MappingPolicy& a, const MappingPolicy& b) { return a.range.start == b.range.start && a.range.end == b.range.end && a.policy == b.policy; }

bool is_among(const std::vector<MappingPolicy>& all, const MappingPolicy& one) {
  return std::any_of(all.begin(), all.end(), [&](auto& other) { return same(other, one); });
}

}  // namespace

RemoteCall ask_policy(uint64_t at) { return {SYS_get_mempolicy, {at, at + kNodesAt, kNodes, 0, 0}}; }

// One node more is counted than there are (get_nodes, mm/mempolicy.c); the default has none.
RemoteCall set_policy(uint64_t at, const MemoryPolicy& policy) {
  const bool has_nodes = std::any_of(policy.nodes.begin(), policy.nodes.end(), [](uint64_t part) { return part != 0; });
  return {SYS_set_mempolicy, {static_cast<uint64_t>(policy.mode), has_nodes ? at + kNodesAt : 0, has_nodes ? kNodes + 1 : 0}};
}

bool has_several_nodes() {
  std::string nodes;
  std::getline(std::ifstream("/sys/devices/system/node/has_memory"), nodes);
  return nodes.find_first_of(",-") != std::string::npos;
}

std::vector<MappingPolicy> read_mapping_policies(tracee::Process& process, const std::vector<Vma>& maps) {
  std::vector<MappingPolicy> result;
  for (auto& vma : maps)
    if (!vma.shared) result.push_back({vma.range(), {}});
  RemoteSyscalls remote(process);
  const size_t most = remote.buffer_size() / sizeof(MemoryPolicy);
  for (size_t first = 0; first < result.size(); first += most) {
    const size_t count = std::min(most, result.size() - first);
    std::vector<MemoryPolicy> policies(count);
    remote.put(policies.data(), count * sizeof(MemoryPolicy));
    std::vector<RemoteCall> calls;
    for (size_t i = 0; i < count; ++i) {
      auto call = ask_policy(remote.buffer() + i * sizeof(MemoryPolicy));
      call.arguments[3] = result[first + i].range.start;
      call.arguments[4] = MPOL_F_ADDR;
      calls.push_back(call);
    }
    remote.batch(calls);
    remote.get(policies.data(), count * sizeof(MemoryPolicy));
    for (size_t i = 0; i < count; ++i)
      if (calls[i].result == 0) result[first + i].policy = policies[i];
  }
  std::erase_if(result, [](auto& mapping) { return mapping.policy.is_default(); });
  return result;
}

util::Warnings restore_mapping_policies(tracee::Process& process, const std::vector<Vma>& maps, const std::vector<MappingPolicy>& wanted) {
  util::Warnings left;
  RemoteSyscalls remote(process);
  const auto now = read_mapping_policies(process, maps);
  for (auto& mapping : now)
    if (!is_among(wanted, mapping)) remote.call(SYS_mbind, mapping.range.start, mapping.range.bytes(), MPOL_DEFAULT, 0, 0, 0);
  for (auto& mapping : wanted) {
    if (is_among(now, mapping)) continue;
    const auto set = set_policy(remote.put(&mapping.policy, sizeof mapping.policy), mapping.policy);
    if (remote.call(SYS_mbind, mapping.range.start, mapping.range.bytes(), set.arguments[0], set.arguments[1], set.arguments[2], 0) < 0)
      left.push_back({"memoryPolicy", "The nodes on which memory is to lie (mbind) could not be set again."});
  }
  return left;
}

}  // namespace rollpoint::snapshot
