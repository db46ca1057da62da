// What a snapshot of the tree takes, and how the live tree differs from one. Changes nothing.
#include <algorithm>
#include <set>

#include "supervisor/tree.h"

namespace rollpoint::supervisor {

using snapshot::SnapshotId;

std::vector<snapshot::Difference> Tree::verify(SnapshotId id) {
  auto result = root_.verify(id);
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return result;
  for (auto& line : resources::compare_streams(holders(id, it->second), it->second.streams)) result.push_back({"state", line});
  std::set<pid_t> wanted;
  for (auto& member : it->second.members) {
    const pid_t pid = member.relative->pid();
    wanted.insert(pid);
    if (!member.relative->alive()) {
      result.push_back({"children", "child process " + std::to_string(pid) + " is missing"});
      continue;
    }
    if (member.job_stopped != member.relative->job_stopped()) result.push_back({"children", "child process " + std::to_string(pid) + (member.job_stopped ? " should be stopped" : " should not be stopped")});
    for (auto& difference : member.relative->engine->verify(member.id)) result.push_back({difference.what, "child process " + std::to_string(pid) + ": " + difference.message});
  }
  for (auto& [pid, relative] : family_.relatives())
    if (!wanted.contains(pid) && !relative->shares_memory()) result.push_back({"children", "child process " + std::to_string(pid) + " should not be there"});
  const auto there = zombies();
  for (auto& zombie : it->second.zombies)
    if (std::none_of(there.begin(), there.end(), [&](auto& other) { return other.pid == zombie.pid && other.stat.exit_status == zombie.stat.exit_status; }))
      result.push_back({"children", "the ended child process " + std::to_string(zombie.pid) + " is not there to be waited for"});
  if (there.size() > it->second.zombies.size()) result.push_back({"children", "there are more ended child processes than there should be"});
  return result;
}

std::vector<std::string> Tree::passed_outside(SnapshotId id) {
  const auto it = snapshots_.find(id);
  if (it != snapshots_.end()) return resources::passed_outside(holders(id, it->second), it->second.streams);
  const auto& state = root_.state_of(id);
  const resources::Holder holder{&family_.root(), &state.descriptors};
  return resources::passed_outside({&holder, 1}, state.streams);
}

snapshot::Stats Tree::stats() const {
  auto result = root_.stats();
  std::set<const Relative*> counted;
  for (auto& [id, tree] : snapshots_) {
    for (auto& member : tree.members) {
      if (!counted.insert(member.relative.get()).second) continue;
      const auto own = member.relative->engine->stats();
      result.pages += own.pages;
      result.bytes += own.bytes;
      result.twin_bytes += own.twin_bytes;
      result.settle_micros += own.settle_micros;
    }
  }
  return result;
}

}  // namespace rollpoint::supervisor
