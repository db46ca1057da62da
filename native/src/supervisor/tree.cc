#include "supervisor/tree.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "supervisor/revival.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using snapshot::CaptureResult;
using snapshot::SnapshotId;

bool TreeSnapshot::holds(const Relative& relative) const {
  return std::any_of(members.begin(), members.end(), [&](auto& member) { return member.relative.get() == &relative; }) ||
         std::any_of(sharers.begin(), sharers.end(), [&](auto& sharer) { return sharer.relative.get() == &relative; });
}

std::vector<std::shared_ptr<Relative>> Tree::parents_first() const {
  std::vector<std::shared_ptr<Relative>> result;
  std::set<pid_t> placed;
  auto left = family_.relatives();
  for (bool more = true; more && !left.empty();) {
    more = false;
    for (auto it = left.begin(); it != left.end();) {
      // One whose parent is of the tree waits for that; an orphan stands alone.
      const auto stat = read_process_stat(it->first);
      if (stat && left.contains(stat->parent) && !placed.contains(stat->parent)) {
        ++it;
        continue;
      }
      placed.insert(it->first);
      result.push_back(it->second);
      it = left.erase(it);
      more = true;
    }
  }
  return result;
}

std::vector<Zombie> Tree::zombies() {
  std::vector<Zombie> result;
  if (!family_.had_children()) return result;
  std::vector<pid_t> parents{family_.root().pid()};
  for (auto& [pid, relative] : family_.relatives()) parents.push_back(pid);
  for (pid_t parent : parents) {
    for (pid_t child : children_of(parent)) {
      if (family_.process(child)) continue;
      const auto stat = read_process_stat(child);
      if (stat && stat->state == 'Z' && stat->exit_signal) result.push_back({child, tracee::id_inside("/proc/" + std::to_string(child)), *stat});
    }
  }
  return result;
}

Member Tree::capture_member(const std::shared_ptr<Relative>& relative, const snapshot::CaptureOptions& options, CaptureResult& result) {
  const pid_t pid = relative->pid();
  Member member;
  member.relative = relative;
  member.id_inside = relative->process().id_inside(pid);
  member.job_stopped = relative->job_stopped();
  if (auto stat = read_process_stat(pid)) member.stat = *stat;
  if (!family_.process(member.stat.parent)) member.stat.parent = 0;
  relative->set_parent(member.stat.parent);
  if (auto* parent = family_.process(member.stat.parent); parent && member.job_stopped) member.stop_was_told = has_waited_for_stop(*parent, member.id_inside);
  if (!relative->engine) {
    relative->engine = std::make_unique<snapshot::Engine>(
        relative->process(), tracker_,
        snapshot::Engine::Hooks{.task_born = [this](pid_t tid) { family_.ignore_task(tid); },
                                .log = log_,
                                .lost = [this, pid](std::vector<SnapshotId>, std::string why) { log_(child_name(pid) + ": " + why); },
                                .files = root_.files()},
        false);
    relative->engine->note_kin();
    relative->space = tracee::read_program_space(relative->process());
  }
  const bool in_focus = relative == family_.focus();
  if (relative->control) relative->engine->take_focus();
  auto own = options;
  if (!in_focus) own.tid = pid;
  own.children_are_held = true;
  const auto captured = relative->engine->capture(own);
  member.id = captured.id;
  if (in_focus) result.threads = captured.threads;
  result.bytes += captured.bytes;
  result.pages += captured.pages;
  result.exact = result.exact && captured.exact;
  for (auto& warning : captured.warnings) result.warnings.push_back({warning.kind, child_name(pid) + ": " + warning.message});
  return member;
}

Sharer Tree::capture_sharer(const std::shared_ptr<Relative>& relative) {
  auto& process = relative->process();
  if (auto* parent = family_.process(relative->parent())) process.scratch = parent->scratch;
  Sharer sharer{relative, {}};
  for (auto& [tid, tracee] : process.tracees()) sharer.threads.emplace(tid, snapshot::save_thread(process, *tracee, nullptr, 0));
  return sharer;
}

std::vector<resources::Holder> Tree::holders(SnapshotId id, const TreeSnapshot& tree) {
  std::vector<resources::Holder> result{{&family_.root(), &root_.state_of(id).descriptors}};
  for (auto& member : tree.members)
    if (member.relative->alive()) result.push_back({&member.relative->process(), &member.relative->engine->state_of(member.id).descriptors});
  return result;
}

CaptureResult Tree::capture(const snapshot::CaptureOptions& options) {
  if (broken_) throw util::CodedError(util::kUnsupported, "A rollback has failed half-way, and the program is in no state worth a snapshot. Restore one first.");
  auto own = options;
  own.children_are_held = family_.keeps_children();
  if (family_.focus()) own.tid = family_.root().pid();
  if (family_.had_children()) root_.note_kin();
  auto result = root_.capture(own);
  if (!family_.keeps_children()) return result;
  const auto begin = std::chrono::steady_clock::now();
  TreeSnapshot tree;
  tree.focus = family_.focus();
  auto tell = [&](std::string message) {
    result.exact = false;
    result.warnings.push_back({"children", std::move(message)});
  };
  for (auto& relative : parents_first()) {
    if (relative->borrows_memory()) {
      tell(child_name(relative->pid()) + " has borrowed its parent's memory (vfork) and is not held.");
      continue;
    }
    try {
      if (relative->shares_memory()) {
        tree.sharers.push_back(capture_sharer(relative));
        tell(child_name(relative->pid()) + " shares its parent's memory (clone with CLONE_VM): that and its registers go back with the program, but not what the system keeps for it.");
        continue;
      }
      tree.members.push_back(capture_member(relative, options, result));
    } catch (const std::exception& error) {
      tell(child_name(relative->pid()) + " could not be captured and stays as it is: " + error.what());
    }
  }
  for (auto& [pid, why] : family_.strangers()) tell(child_name(pid) + " " + why + ".");
  tree.zombies = zombies();
  tree.streams = resources::read_streams(holders(result.id, tree), result.warnings);
  if (!result.warnings.empty()) result.exact = false;
  result.pause_micros += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  snapshots_.insert_or_assign(result.id, std::move(tree));
  return result;
}

std::shared_ptr<Relative> Tree::focus_of(SnapshotId id) const {
  const auto it = snapshots_.find(id);
  return it == snapshots_.end() ? nullptr : it->second.focus;
}

std::pair<snapshot::Engine*, SnapshotId> Tree::shown_at(SnapshotId id) const {
  if (const auto it = snapshots_.find(id); it != snapshots_.end() && it->second.focus)
    for (auto& member : it->second.members)
      if (member.relative == it->second.focus) return {member.relative->engine.get(), member.id};
  return {&root_, id};
}

void Tree::remove(SnapshotId id) {
  root_.remove(id);
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return;
  for (auto& member : it->second.members) {
    try {
      member.relative->engine->remove(member.id);
    } catch (const util::CodedError&) {
      // Its engine has lost it already, and said so.
    }
  }
  snapshots_.erase(it);
}

void Tree::note_resume() {
  root_.note_resume();
  for (auto& [pid, relative] : family_.relatives())
    if (relative->engine) relative->engine->note_resume();
}

void Tree::prepare() {
  root_.prepare();
  for (auto& [pid, relative] : family_.relatives())
    if (relative->engine && !relative->borrows_memory()) relative->engine->prepare();
}

}  // namespace rollpoint::supervisor
