// What a snapshot of the tree takes, and how the live tree differs from one. Changes nothing.
#include <algorithm>
#include <set>

#include "supervisor/pid_turn.h"
#include "supervisor/tree.h"

namespace rollpoint::supervisor {

using snapshot::SnapshotId;

namespace {

// See `bear`: chosen with privilege, else waited for where they come round soon.
bool keeps_numbers(const tracee::Process& parent) { return parent.may_choose_ids() || (!parent.nested() && numbers_come_round()); }

}  // namespace

std::vector<snapshot::Difference> Tree::verify(SnapshotId id) {
  auto result = root_.verify(id);
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return result;
  for (auto& line : resources::compare_streams(holders(id, it->second), it->second.streams)) result.push_back({"state", line});
  for (auto& line : memory_parted(id, it->second)) result.push_back({"memory", line});
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

std::vector<snapshot::Warning> Tree::passed_outside(SnapshotId id) {
  const auto it = snapshots_.find(id);
  if (it != snapshots_.end()) return resources::passed_outside(holders(id, it->second), it->second.streams);
  const auto& state = root_.state_of(id);
  const resources::Holder holder{&family_.root(), &state.descriptors};
  return resources::passed_outside({&holder, 1}, state.streams);
}

std::vector<snapshot::Warning> Tree::foresee(SnapshotId id) {
  auto left = root_.foresee(id);
  for (auto& warning : passed_outside(id)) left.push_back(std::move(warning));
  if (const auto it = snapshots_.find(id); it != snapshots_.end()) foresee_children(it->second, left);
  return left;
}

void Tree::foresee_children(const TreeSnapshot& wanted, std::vector<snapshot::Warning>& left) {
  auto tell = [&](std::string message) { left.push_back({"children", std::move(message)}); };
  for (auto& [pid, why] : family_.strangers()) tell(child_name(pid) + " " + why + ". It stays as it is.");
  auto ended = [&](const std::string& name, pid_t parent_id, bool again) {
    auto* parent = family_.process(parent_id);
    const bool comes_later = !parent && std::any_of(wanted.members.begin(), wanted.members.end(), [&](auto& member) { return member.relative->pid() == parent_id; });
    if (!parent && !comes_later) tell(name + " has gone since and will not come back: its parent is not part of the program.");
    else if (!keeps_numbers(parent ? *parent : family_.root())) tell(name + (again ? " had ended since; it will be there again" : ", for which its parent has still to wait, will be there again") + ", but probably with another number than the program knows. \"pidNamespace\" in the launch configuration keeps numbers.");
  };
  for (auto& member : wanted.members) {
    if (!member.relative->alive()) {
      ended("Child process " + std::to_string(member.id_inside), member.relative->parent(), true);
      continue;
    }
    for (auto& warning : member.relative->engine->foresee(member.id)) {
      const bool said = std::any_of(left.begin(), left.end(), [&](auto& other) { return other.message == warning.message; });
      if (!said) left.push_back({warning.kind, warning.kind == "fileContent" || warning.kind == "fileName" ? warning.message : child_name(member.relative->pid()) + ": " + warning.message});
    }
  }
  for (auto& line : orphaned(wanted)) tell(line);
  if (wanted.zombies.empty()) return;
  const auto there = zombies();
  for (auto& zombie : wanted.zombies)
    if (std::none_of(there.begin(), there.end(), [&](auto& other) { return other.pid == zombie.pid; })) ended("The ended child process " + std::to_string(zombie.id_inside), zombie.stat.parent, false);
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
