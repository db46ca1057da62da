// What a snapshot keeps of one thread, how it is read and put back.
// Knows nothing of memory contents; who is parked or born is decided elsewhere.
#pragma once

#include <sched.h>
#include <signal.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "resources/scheduling.h"
#include "snapshot/memory_policy.h"
#include "tracee/process.h"
#include "util/range_set.h"

namespace rollpoint::snapshot {

/// See get_robust_list(2).
struct RobustList {
  uint64_t head = 0, size = 0;
  bool operator==(const RobustList&) const = default;
};

struct SavedThread {
  pid_t id_inside = 0;               // what it calls itself; see tracee::Process::id_inside
  arch::GeneralRegisters registers;  // resumable: an interrupted call is issued again
  std::vector<std::byte> xstate;     // NT_X86_XSTATE
  uint64_t signal_mask = 0;
  RobustList robust_list;
  std::optional<tracee::RseqConfiguration> rseq;
  tracee::DispatchConfiguration dispatch;
  std::optional<uint64_t> clear_child_tid;  // none where the kernel does not tell it (CONFIG_CHECKPOINT_RESTORE)
  stack_t alternate_stack{};
  std::string name;  // as in /proc/PID/task/TID/comm
  cpu_set_t affinity{};
  resources::Scheduling scheduling;
  uint64_t timer_slack = 0;  // ns
  MemoryPolicy memory_policy;
  uint32_t kernel_state = 0;  // the snapshot that this was first read for: the thread has only waited between
  uint64_t call_at = 0;       // see tracee::Tracee::call_at
  std::optional<tracee::TimedWait> wait;  // in that call; `ends` counts from the capture
  int parent_death_signal = 0, time_stamps = 0;  // prctl(2): PR_GET_PDEATHSIG, PR_GET_TSC
};

/// The pages that hold a thread's rseq area.
util::Range page_range(const tracee::RseqConfiguration& rseq);

/// For snapshot `id`. `before`: the same thread in the parent; where it has not run since, remote calls are spared.
SavedThread save_thread(tracee::Process& process, tracee::Tracee& tracee, const SavedThread* before, uint32_t id);
/// What only the kernel keeps of a thread, by remote calls of its own where it has run since. What could not be put back.
util::Warnings restore_kernel_state(tracee::Process& process, tracee::Tracee& tracee, const SavedThread& saved);
/// Registers and mask; the last step. The thread stands in a signal-delivery or interrupt stop.
void restore_registers(tracee::Tracee& tracee, const SavedThread& saved);
/// What differs between the live thread and `saved`; empty when nothing does.
std::vector<std::string> compare_thread(tracee::Tracee& tracee, const SavedThread& saved);

/// Makes a thread anew with its old id, as the debuggee sees it; needs CAP_CHECKPOINT_RESTORE where the pid namespace
/// was made. With another where that is taken, or `choose` is false. Throws SysError.
tracee::Tracee& recreate_thread(tracee::Process& process, const SavedThread& saved, bool choose);
/// Ends a thread for good, unseen by the program.
void end_thread(tracee::Process& process, tracee::Tracee& tracee);
/// Does for a thread at its exit what the kernel would do for its joiner, and leaves it stopped.
/// False when it must really end (it dies holding robust mutexes).
bool park_exiting_thread(tracee::Process& process, tracee::Tracee& tracee);
/// No signal of the process may be given to a parked thread.
void park(tracee::Process& process, tracee::Tracee& tracee);

}  // namespace rollpoint::snapshot
