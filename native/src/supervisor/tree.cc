#include "supervisor/tree.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>

#include "snapshot/rollback_error.h"
#include "supervisor/revival.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using snapshot::CaptureResult;
using snapshot::RollbackResult;
using snapshot::SnapshotId;
using tracee::RemoteSyscalls;

namespace {

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

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
    relative->space = tracee::read_program_space(relative->process());
  }
  auto own = options;
  own.tid = pid;
  own.children_are_held = true;
  const auto captured = relative->engine->capture(own);
  member.id = captured.id;
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

void Tree::restore_sharers(const TreeSnapshot& wanted, RollbackResult& result) {
  for (auto& sharer : wanted.sharers) {
    const bool whole = std::all_of(sharer.threads.begin(), sharer.threads.end(), [&](auto& saved) { return sharer.relative->process().find(saved.first) != nullptr; });
    if (!whole) result.warnings.push_back({"children", "Child process " + std::to_string(sharer.relative->pid()) + ", or a thread of it, has gone since and does not come back: it shared its parent's memory."});
    for (auto& [tid, saved] : sharer.threads)
      if (auto* tracee = sharer.relative->process().find(tid)) snapshot::restore_registers(*tracee, saved);
  }
}

std::vector<resources::Holder> Tree::holders(SnapshotId id, const TreeSnapshot& tree) {
  std::vector<resources::Holder> result{{&family_.root(), &root_.state_of(id).descriptors}};
  for (auto& member : tree.members)
    if (member.relative->alive()) result.push_back({&member.relative->process(), &member.relative->engine->state_of(member.id).descriptors});
  return result;
}

CaptureResult Tree::capture(const snapshot::CaptureOptions& options) {
  auto own = options;
  own.children_are_held = family_.keeps_children();
  auto result = root_.capture(own);
  if (!family_.keeps_children()) return result;
  const auto begin = std::chrono::steady_clock::now();
  TreeSnapshot tree;
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
  result.pause_micros += since(begin);
  snapshots_.insert_or_assign(result.id, std::move(tree));
  return result;
}

// What the snapshot lacks goes, seen by nobody.
void Tree::end_surplus(const TreeSnapshot& wanted) {
  std::set<pid_t> keep;
  for (auto& member : wanted.members) keep.insert(member.relative->pid());
  std::vector<std::shared_ptr<Relative>> surplus;
  for (auto& [pid, relative] : family_.relatives()) {
    if (!wanted.holds(*relative)) surplus.push_back(relative);
  }
  for (auto& relative : surplus) family_.kill(*relative);
  for (auto& zombie : zombies()) {
    const bool is_wanted = std::any_of(wanted.zombies.begin(), wanted.zombies.end(), [&](auto& other) { return other.pid == zombie.pid; });
    auto* parent = family_.process(zombie.stat.parent);
    if (!is_wanted && parent) reap(*parent, zombie.id_inside);
  }
}

void Tree::restore_member(const Member& member, const resources::Place& place, RollbackResult& result) {
  auto& relative = *member.relative;
  auto& process = relative.process();
  const pid_t pid = relative.pid();
  // Its parent may notice: what that has pending is put back after this.
  auto* parent = family_.process(relative.parent());
  if (relative.job_stopped() && !member.job_stopped) continue_job(process, parent);
  if (!relative.job_stopped() && member.job_stopped) stop_job(process, parent, member.stop_was_told);
  relative.set_job_stopped(member.job_stopped);
  const auto stat = read_process_stat(pid);
  if (stat && stat->group != member.stat.group) {
    RemoteSyscalls remote(process);
    const bool leads = member.stat.group == pid;
    if (stat->session != member.stat.session && member.stat.session == pid) remote.call(SYS_setsid);
    else if (remote.call(SYS_setpgid, 0, leads ? 0 : static_cast<uint64_t>(tracee::id_inside("/proc/" + std::to_string(member.stat.group)))) < 0)
      result.warnings.push_back({"children", child_name(pid) + " cannot go back to its process group."});
  }
  const auto back = relative.engine->rollback(member.id, place);
  result.pages_written += back.pages_written;
  for (auto& warning : back.warnings) result.warnings.push_back({warning.kind, child_name(pid) + ": " + warning.message});
}

RollbackResult Tree::rollback(SnapshotId id) {
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return root_.rollback(id);
  const auto begin = std::chrono::steady_clock::now();
  TreeSnapshot& wanted = it->second;
  const auto refuge = root_.stands_on();
  root_.require_feasible(id);
  for (auto& member : wanted.members)
    if (member.relative->alive()) member.relative->engine->require_feasible(member.id);
  RollbackResult children;
  for (auto& [pid, why] : family_.strangers()) children.warnings.push_back({"children", child_name(pid) + " " + why + ". It stays as it is."});
  end_surplus(wanted);
  const auto born = bring_back(wanted, children);
  // Children first: what they cause in their parents' queues of signals is put right with those.
  const auto tables = holders(id, wanted);
  resources::StreamsRollback streams(tables, wanted.streams);
  size_t holder = tables.size();
  for (auto member = wanted.members.rbegin(); member != wanted.members.rend(); ++member) {
    if (!member->relative->alive()) continue;
    try {
      restore_member(*member, {&streams, --holder}, children);
    } catch (const std::exception& error) {
      const auto name = child_name(member->relative->pid());
      if (member->relative->alive() && born.contains(member->relative.get())) {
        give_up(*member->relative);
        children.warnings.push_back({"children", name + " has gone since and does not come back: " + error.what()});
      } else {
        children.warnings.push_back({"children", name + " could not be rolled back: " + error.what()});
      }
    }
  }
  RollbackResult result;
  try {
    result = root_.rollback(id, {&streams, 0}, true);
  } catch (const snapshot::RollbackError& error) {
    // It is where it was; its children have gone ahead.
    if (!error.trusted() || !refuge || refuge == id || wanted.members.empty()) throw;
    try {
      rollback(*refuge);
    } catch (const std::exception& second) {
      throw snapshot::RollbackError(std::string(error.what()) + " Its child processes are not (" + second.what() + "): restore another snapshot, or end the session.", false);
    }
    throw;
  }
  restore_sharers(wanted, result);
  for (auto& warning : streams.finish()) result.warnings.push_back(warning);
  result.micros = since(begin);
  result.pages_written += children.pages_written;
  result.warnings.insert(result.warnings.begin(), children.warnings.begin(), children.warnings.end());
  return result;
}

snapshot::RebuildResult Tree::rebuild() {
  const pid_t before = family_.root().pid();
  // First: its id is not free while they are in its group.
  auto strangers = family_.relatives();
  for (auto& [pid, relative] : strangers) family_.kill(*relative);
  family_.halt();  // who is born from here on stands
  auto result = root_.rebuild();
  const pid_t now = family_.root().pid();
  rename(before, now);
  const auto it = snapshots_.find(result.id);
  if (it == snapshots_.end() || (it->second.members.empty() && it->second.zombies.empty())) return result;
  auto whole = rollback(result.id);
  result.rollback.tid = whole.tid;
  result.rollback.renamed.insert(result.rollback.renamed.end(), whole.renamed.begin(), whole.renamed.end());
  result.rollback.warnings.insert(result.rollback.warnings.end(), whole.warnings.begin(), whole.warnings.end());
  return result;
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
