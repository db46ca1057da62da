#include "snapshot/rebuild.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string>

#include "snapshot/layout.h"
#include "snapshot/rename.h"
#include "snapshot/rollback.h"
#include "snapshot/rollback_error.h"
#include "tracee/remote_syscalls.h"

namespace rollpoint::snapshot {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using tracee::Tracee;

namespace {

constexpr int kInterruptStop = PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f;

/// The twin as a process that can run remote calls.
class Stirred {
 public:
  explicit Stirred(EngineState& state) : process_(state.twin->pid(), state.process.launched(), state.process.waiter()) {
    process_.scratch = state.process.scratch;
    process_.filtered = state.process.filtered;
    process_.trace_options = state.process.trace_options;
    process_.add(process_.pid()).note_stop(kInterruptStop);
  }
  Process& process() { return process_; }

 private:
  Process process_;
};

// Its threads' ids were chosen by the kernel; the leader's was asked for.
pid_t bear(Process& twin, pid_t wanted) {
  RemoteSyscalls remote(twin);
  clone_args arguments{};
  arguments.flags = CLONE_FILES | CLONE_FS | CLONE_PARENT;
  for (const bool choose : {wanted != 0, false}) {
    try {
      return remote.clone3(arguments, choose ? wanted : 0);
    } catch (const util::SysError& error) {
      // No privilege, or somebody has the id: a group that it led lives on.
      if (!choose || (error.error() != EPERM && error.error() != EEXIST)) throw;
    }
  }
  throw util::SysError("clone3", EPERM);
}

// A session that the debuggee led ended with it, and lost its terminal.
void lead_session(Process& process) {
  RemoteSyscalls remote(process);
  if (remote.call(SYS_setsid) < 0) return;
  for (uint64_t fd = 0; fd < 3; ++fd)
    if (remote.call(SYS_ioctl, fd, TIOCSCTTY, 0) == 0) break;
}

void track_anew(EngineState& state) {
  state.tracker.reset();
  state.make_tracker();
  const auto maps = tracked_maps(state.process);
  state.tracker->arm(maps);
  const auto held = util::unite(EngineState::held_elsewhere(maps, {}, *state.pagemap), state.held_over_files(maps, nullptr));
  // It has what the twin has.
  state.baseline.emplace(memory::PageTable(state.pool), held);
  state.carried.clear();
  state.moved = true;
}

std::string name_of(pid_t pid) { return "process " + std::to_string(pid); }

}  // namespace

void step_aside(EngineState& state) {
  if (!state.twin || state.twin_stands_aside) return;
  state.twin_stands_aside = true;
  state.led_session = getsid(state.process.pid()) == state.process.pid();
  try {
    Stirred twin(state);
    RemoteSyscalls remote(twin.process());
    const char name[] = "rollpoint-twin";
    RemoteCall calls[] = {{SYS_prctl, {PR_SET_NAME, remote.put(name, sizeof name)}}, {SYS_setsid}};
    // Who is to take the debuggee's place must find its session, unless that ends with it.
    const bool leave = state.led_session || !state.process.launched();
    remote.batch(std::span(calls).first(leave ? 2 : 1));
  } catch (const util::CodedError& error) {
    state.hooks.log(std::string("The frozen twin stays where signals for the program's group reach it: ") + error.what());
  }
}

RollbackResult rebuild(EngineState& state, SnapshotId id) {
  auto& process = state.process;
  auto refuse = [](std::string why) { throw RollbackError(std::move(why), false); };
  if (!process.launched()) refuse("a program that was attached to has a parent of its own, which has seen it end");
  if (state.unsettled || !state.twin || !state.baseline) refuse("the first snapshot was not complete yet");
  arch::GeneralRegisters registers;
  if (ptrace(PTRACE_GETREGS, state.twin->pid(), nullptr, &registers) < 0) refuse("the frozen twin that keeps the first snapshot's memory was killed with it");
  const Snapshot& target = state.at(id);
  const pid_t before = process.pid();
  const auto leader = target.threads.find(before);
  pid_t born = 0;
  try {
    {
      Stirred twin(state);
      born = bear(twin.process(), leader == target.threads.end() ? 0 : leader->second.id_inside);
    }
    const auto scratch = process.scratch;  // copied with the memory
    process.take_new_body(born);
    process.scratch = scratch;
    process.add(born).note_stop(kInterruptStop);
    state.hooks.log("The program was killed; " + name_of(born) + " takes the place of " + name_of(before) + ".");
    rename_thread(state, before, born);
    if (state.led_session) lead_session(process);
    tracee::keep_from_children(process);
    state.any_thread_id = true;
    track_anew(state);
    check_feasible(state, target);
    auto result = rollback(state, id, {}, true);
    if (born != before) result.renamed.insert(result.renamed.begin(), {before, born});
    const pid_t inside = process.id_inside(born);
    if (auto now = target.threads.find(born); now != target.threads.end() && now->second.id_inside != inside)
      result.warnings.insert(result.warnings.begin(), {"process", "The program is process " + std::to_string(inside) + " now; it was process " + std::to_string(now->second.id_inside) + "."});
    if (std::any_of(target.warnings.begin(), target.warnings.end(), [](auto& warning) { return warning.kind == "children"; }))
      result.warnings.push_back({"children", "Child processes that it had are no longer its own."});
    return result;
  } catch (const std::exception& error) {
    if (born) {
      kill(born, SIGKILL);
      process.waiter().wait_for_end(born);
      process.tracees().clear();
    }
    throw RollbackError(error.what(), false);
  }
}

void correct_thread_ids(EngineState& state, const Snapshot& target) {
  if (!state.any_thread_id) return;
  for (auto& [tid, saved] : target.threads) {
    const pid_t now = state.process.id_inside(tid);
    pid_t kept = 0;
    // The word that the kernel clears for the thread's joiner is where the C library keeps its id.
    if (now == saved.id_inside || !saved.clear_child_tid || state.process.memory().read(*saved.clear_child_tid, &kept, sizeof kept) != sizeof kept || kept != saved.id_inside) continue;
    state.process.memory().write(*saved.clear_child_tid, &now, sizeof now);
  }
}

}  // namespace rollpoint::snapshot
