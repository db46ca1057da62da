// The way of the whole tree back to a snapshot: who is to go, who is to come again, each process in turn.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "snapshot/rollback_error.h"
#include "supervisor/revival.h"
#include "supervisor/tree.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using snapshot::RollbackResult;
using snapshot::SnapshotId;
using tracee::RemoteSyscalls;

void Tree::restore_sharers(const TreeSnapshot& wanted, RollbackResult& result) {
  for (auto& sharer : wanted.sharers) {
    const bool whole = std::all_of(sharer.threads.begin(), sharer.threads.end(), [&](auto& saved) { return sharer.relative->process().find(saved.first) != nullptr; });
    if (!whole) result.warnings.push_back({"children", "Child process " + std::to_string(sharer.relative->pid()) + ", or a thread of it, has gone since and does not come back: it shared its parent's memory."});
    for (auto& [tid, saved] : sharer.threads)
      if (auto* tracee = sharer.relative->process().find(tid)) snapshot::restore_registers(*tracee, saved);
  }
}

// What the snapshot lacks goes, seen by nobody.
void Tree::end_surplus(const TreeSnapshot& wanted) {
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

RollbackResult Tree::restore_member(const Member& member, const resources::Place& place, RollbackResult& result) {
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
  return back;
}

void Tree::fail(SnapshotId id, std::optional<SnapshotId> refuge, const std::string& name, const std::exception& error) {
  broken_ = true;
  const auto* known = dynamic_cast<const snapshot::RollbackError*>(&error);
  const std::string what = name + ": " + (known ? known->cause() : error.what());
  if (!refuge || refuge == id) throw snapshot::RollbackError::half_way(what);
  std::string but;
  try {
    for (auto& warning : rollback(*refuge).warnings) but += " " + warning.message;
  } catch (const std::exception& second) {
    const auto* cause = dynamic_cast<const snapshot::RollbackError*>(&second);
    throw snapshot::RollbackError::failed_twice(what, cause ? cause->cause() : second.what());
  }
  throw snapshot::RollbackError::went_back(id, what, but);
}

// The kernel gives a process whose parent has ended to another for good.
std::vector<std::string> Tree::orphaned(const TreeSnapshot& wanted) {
  std::vector<std::string> result;
  for (auto& member : wanted.members) {
    const auto stat = member.relative->alive() && member.stat.parent ? read_process_stat(member.relative->pid()) : std::nullopt;
    if (stat && stat->parent != member.stat.parent) result.push_back(child_name(member.relative->pid()) + " has another parent, since the one that it had has ended; the kernel never gives it back.");
  }
  return result;
}

RollbackResult Tree::rollback(SnapshotId id) {
  if (family_.had_children()) root_.note_kin();
  auto it = snapshots_.find(id);
  if (it == snapshots_.end()) return root_.rollback(id);
  const auto begin = std::chrono::steady_clock::now();
  TreeSnapshot& wanted = it->second;
  const auto refuge = root_.stands_on();
  // Where nothing comes before its own rollback, that finds out whether it can be done.
  const bool alone = wanted.members.empty() && wanted.sharers.empty() && wanted.zombies.empty() && family_.relatives().empty() && zombies().empty();
  if (!alone) root_.require_feasible(id);
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
  std::optional<RollbackResult> in_focus;
  for (auto member = wanted.members.rbegin(); member != wanted.members.rend(); ++member) {
    if (!member->relative->alive()) continue;
    try {
      auto back = restore_member(*member, {&streams, --holder}, children);
      if (member->relative == wanted.focus) in_focus = std::move(back);
    } catch (const std::exception& error) {
      const auto name = child_name(member->relative->pid());
      if (member->relative->alive() && born.contains(member->relative.get())) {
        give_up(*member->relative);
        children.warnings.push_back({"children", name + " has gone since and does not come back: " + error.what()});
      } else {
        fail(id, refuge, name, error);
      }
    }
  }
  RollbackResult result;
  try {
    result = root_.rollback(id, {&streams, 0}, !alone);
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
  for (auto& line : orphaned(wanted)) result.warnings.push_back({"children", line});
  restore_sharers(wanted, result);
  for (auto& warning : streams.finish()) result.warnings.push_back(warning);
  for (auto& line : memory_parted(id, wanted)) result.warnings.push_back({"sharedMemory", line});
  if (in_focus) {
    result.tid = in_focus->tid;
    result.renamed.insert(result.renamed.end(), in_focus->renamed.begin(), in_focus->renamed.end());
  } else if (wanted.focus) {
    result.warnings.push_back({"children", "The process that the debugger followed then is not there again: the debugger is with the program's first process."});
  }
  broken_ = false;
  result.micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
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

}  // namespace rollpoint::supervisor
