// Shared anonymous memory that several processes of the tree have in common: whether they still do after a rollback. One
// that has given it away, or that had ended, may have got memory of its own in its place.
#include <algorithm>
#include <cstdio>
#include <map>

#include "supervisor/tree.h"

namespace rollpoint::supervisor {

using memory::Vma;
using snapshot::SnapshotId;

namespace {

struct Place {
  pid_t pid;
  Vma wanted;
  const std::vector<Vma>* now;
};

using Identity = std::pair<uint64_t, uint64_t>;

Identity identity(const Vma& vma) { return {vma.device, vma.inode}; }

Identity identity_now(const Place& place) {
  for (auto& vma : *place.now)
    if (vma.start <= place.wanted.start && place.wanted.start < vma.end) return identity(vma);
  return {};
}

std::string in_words(const std::vector<Place>& places) {
  std::string pids;
  for (size_t i = 0; i < places.size(); ++i) pids += (i == 0 ? "" : i + 1 == places.size() ? " and " : ", ") + std::to_string(places[i].pid);
  char range[64];
  snprintf(range, sizeof range, "%lx-%lx", places.front().wanted.start, places.front().wanted.end);
  return "Processes " + pids + " had the memory at " + range + " in common (MAP_SHARED), and do not any more: one of them had unmapped it or ended since, and the system hands it to nobody again. Each has what was in it then.";
}

}  // namespace

std::vector<std::string> Tree::memory_parted(SnapshotId id, const TreeSnapshot& tree) {
  struct Owner {
    pid_t pid;
    std::vector<Vma> wanted, now;
  };
  std::vector<Owner> owners;
  auto add = [&](pid_t pid, const snapshot::Engine& engine, SnapshotId own) {
    if (auto wanted = engine.shared_memory(own); !wanted.empty()) owners.push_back({pid, std::move(wanted), {}});
    if (!owners.empty() && owners.back().pid == pid) owners.back().now = engine.shared_memory();
  };
  if (tree.members.empty()) return {};
  add(family_.root().pid(), root_, id);
  for (auto& member : tree.members)
    if (member.relative->alive()) add(member.relative->pid(), *member.relative->engine, member.id);
  std::map<Identity, std::vector<Place>> common;
  for (auto& owner : owners)
    for (auto& vma : owner.wanted) {
      auto& places = common[identity(vma)];
      if (places.empty() || places.back().pid != owner.pid) places.push_back({owner.pid, vma, &owner.now});
    }
  std::vector<std::string> result;
  for (auto& [object, places] : common) {
    const auto first = identity_now(places.front());
    if (std::any_of(places.begin(), places.end(), [&](auto& place) { return identity_now(place) != first; })) result.push_back(in_words(places));
  }
  return result;
}

}  // namespace rollpoint::supervisor
