#include "snapshot/saved_thread.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using tracee::ThreadState;
using tracee::Tracee;

namespace {

constexpr int kGetTidAddress = 40;  // PR_GET_TID_ADDRESS
constexpr uint64_t kAllSignals = ~uint64_t{0};

struct RobustListHead {  // struct robust_list_head
  uint64_t next;
  int64_t futex_offset;
  uint64_t pending;
};

bool same_area(const tracee::RseqConfiguration& a, const tracee::RseqConfiguration& b) {
  return a.pointer == b.pointer && (!a.pointer || (a.size == b.size && a.signature == b.signature));
}

RobustList robust_list(const Tracee& tracee) {
  RobustList list;
  return syscall(SYS_get_robust_list, tracee.tid(), &list.head, &list.size) == 0 ? list : RobustList{};
}

// Registers or unregisters until the kernel has what `wanted` says. Writes to the areas: before memory is restored.
void restore_rseq(RemoteSyscalls& remote, Tracee& tracee, const tracee::RseqConfiguration& wanted) {
  constexpr uint64_t kUnregister = 1;  // RSEQ_FLAG_UNREGISTER
  const auto now = tracee.rseq();
  if (!now || same_area(*now, wanted)) return;
  if (now->pointer) remote.call(SYS_rseq, now->pointer, now->size, kUnregister, now->signature);
  if (wanted.pointer) remote.call(SYS_rseq, wanted.pointer, wanted.size, 0, wanted.signature);
}

std::string thread_name(const Process& process, pid_t tid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(process.pid()) + "/task/" + std::to_string(tid) + "/comm"), name);
  return name;
}

void restore_own_state(Process& process, Tracee& tracee, const SavedThread& saved) {
  tracee.note_saved(0);
  RemoteSyscalls remote(process, tracee);
  // Off any alternate stack first: sigaltstack refuses while the stack pointer lies on it.
  auto aside = saved.registers;
  aside.rsp = remote.buffer();
  tracee.set_registers(aside);
  remote.put(&saved.alternate_stack, sizeof saved.alternate_stack, 64);
  std::vector<RemoteCall> calls{{SYS_sigaltstack, {remote.buffer() + 64, remote.buffer() + 128}},
                                {SYS_set_robust_list, {saved.robust_list.head, saved.robust_list.size}},
                                {SYS_prctl, {PR_SET_TIMERSLACK, saved.timer_slack}},
                                {SYS_prctl, {PR_SET_PDEATHSIG, static_cast<uint64_t>(saved.parent_death_signal)}},
                                {SYS_prctl, {PR_SET_TSC, static_cast<uint64_t>(saved.time_stamps)}},
                                set_policy(remote.put(&saved.memory_policy, sizeof saved.memory_policy, 256), saved.memory_policy)};
  if (saved.clear_child_tid) calls.push_back({SYS_set_tid_address, {*saved.clear_child_tid}});
  remote.batch(calls);
  restore_rseq(remote, tracee, saved.rseq.value_or(tracee::RseqConfiguration{}));
}

}  // namespace

SavedThread save_thread(Process& process, Tracee& tracee, const SavedThread* before, uint32_t id) {
  SavedThread saved;
  // Without a namespace it may have come back under another one; with one it was given the same.
  saved.id_inside = before && process.nested() ? before->id_inside : process.id_inside(tracee.tid());
  saved.registers = tracee.resumable_registers();
  saved.call_at = tracee.call_at();
  if (saved.call_at) saved.wait = tracee.timed_wait();
  if (saved.wait) saved.wait->ends -= tracee::monotonic_now();
  saved.xstate = tracee.xstate();
  saved.signal_mask = tracee.signal_mask();
  saved.robust_list = robust_list(tracee);
  saved.rseq = tracee.rseq();
  saved.name = thread_name(process, tracee.tid());
  sched_getaffinity(tracee.tid(), sizeof saved.affinity, &saved.affinity);
  saved.scheduling = resources::read_scheduling(tracee.tid());
  saved.kernel_state = id;
  if (before && before->kernel_state && tracee.waits_since() == before->kernel_state) {
    saved.kernel_state = before->kernel_state;
    saved.clear_child_tid = before->clear_child_tid;
    saved.alternate_stack = before->alternate_stack;
    saved.timer_slack = before->timer_slack;
    saved.parent_death_signal = before->parent_death_signal;
    saved.time_stamps = before->time_stamps;
    saved.memory_policy = before->memory_policy;
    saved.dispatch = before->dispatch;
    return saved;
  }
  saved.dispatch = tracee.dispatch();
  RemoteSyscalls remote(process, tracee);
  RemoteCall calls[] = {{SYS_prctl, {kGetTidAddress, remote.buffer()}}, {SYS_sigaltstack, {0, remote.buffer() + 256}},
                        {SYS_prctl, {PR_GET_TIMERSLACK}}, {SYS_prctl, {PR_GET_PDEATHSIG, remote.buffer() + 8}}, {SYS_prctl, {PR_GET_TSC, remote.buffer() + 12}},
                        ask_policy(remote.buffer() + 16)};
  struct {
    int switches[2] = {};
    MemoryPolicy policy;
  } answers;
  remote.put(&answers, sizeof answers, 8);
  remote.batch(calls);
  if (calls[0].result == 0) remote.get(&saved.clear_child_tid.emplace(), sizeof(uint64_t));
  if (calls[1].result == 0) remote.get(&saved.alternate_stack, sizeof saved.alternate_stack, 256);
  if (calls[2].result >= 0) saved.timer_slack = static_cast<uint64_t>(calls[2].result);
  remote.get(&answers, sizeof answers, 8);
  saved.parent_death_signal = answers.switches[0];
  saved.time_stamps = answers.switches[1];
  if (calls[5].result == 0) saved.memory_policy = answers.policy;
  return saved;
}

util::Range page_range(const tracee::RseqConfiguration& rseq) {
  constexpr uint64_t kMask = 4095;
  return {rseq.pointer & ~kMask, (rseq.pointer + rseq.size + kMask) & ~kMask};
}

util::Warnings restore_kernel_state(Process& process, Tracee& tracee, const SavedThread& saved) {
  // By its own calls alone a thread changes these.
  if (!saved.kernel_state || tracee.waits_since() != saved.kernel_state) restore_own_state(process, tracee, saved);
  // /proc/PID/comm can be written by the process's own threads only.
  if (thread_name(process, tracee.tid()) != saved.name) {
    RemoteSyscalls remote(process, tracee);
    remote.call(SYS_prctl, PR_SET_NAME, remote.put(saved.name.c_str(), saved.name.size() + 1));
  }
  cpu_set_t affinity;
  if (sched_getaffinity(tracee.tid(), sizeof affinity, &affinity) == 0 && !CPU_EQUAL(&affinity, &saved.affinity))
    sched_setaffinity(tracee.tid(), sizeof saved.affinity, &saved.affinity);
  return resources::restore_scheduling(tracee.tid(), saved.scheduling);
}

void restore_registers(Tracee& tracee, const SavedThread& saved) {
  tracee.set_registers(saved.registers);
  tracee.set_xstate(saved.xstate);
  tracee.set_signal_mask(saved.signal_mask);
  tracee.set_dispatch(saved.dispatch);
  tracee.set_blocked_call(std::nullopt);
  auto wait = saved.wait;
  if (wait) wait->ends += tracee::monotonic_now();
  tracee.note_restored(saved.kernel_state, saved.call_at, wait);
  tracee.forget_stop();
  tracee.set_state(ThreadState::kStopped);
}

std::vector<std::string> compare_thread(Tracee& tracee, const SavedThread& saved) {
  std::vector<std::string> result;
  const auto now = tracee.resumable_registers();
  if (memcmp(&now, &saved.registers, sizeof now) != 0) result.push_back("registers");
  if (tracee.xstate() != saved.xstate) result.push_back("xstate");
  if (tracee.signal_mask() != saved.signal_mask) result.push_back("signalMask");
  if (tracee.dispatch() != saved.dispatch) result.push_back("syscallDispatch");
  if (!resources::same_scheduling(tracee.tid(), saved.scheduling)) result.push_back("scheduling");
  if (robust_list(tracee) != saved.robust_list) result.push_back("robustList");
  if (const auto area = tracee.rseq(); area && saved.rseq && !same_area(*area, *saved.rseq)) result.push_back("rseq");
  return result;
}

Tracee& recreate_thread(Process& process, const SavedThread& saved, bool choose) {
  // Somebody else's task may have the id: often not for long.
  constexpr int kPatience = 20;  // milliseconds
  RemoteSyscalls remote(process);
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_CHILD_CLEARTID;
  arguments.tls = saved.registers.fs_base;
  arguments.child_tid = saved.clear_child_tid.value_or(0);
  auto clone_as_it_was = [&]() -> pid_t {
    for (int left = kPatience; left > 0; --left) {
      try {
        return remote.clone3(arguments, saved.id_inside);
      } catch (const util::SysError& error) {
        if (error.error() != EEXIST) throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return remote.clone3(arguments);
  };
  auto& tracee = process.add(choose ? clone_as_it_was() : remote.clone3(arguments));
  tracee.note_stop(PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f);
  return tracee;
}

void park(Process& process, Tracee& tracee) {
  {
    // While its area is still mapped: registered, the kernel would write there whenever the thread runs again, and kill
    // the process where it cannot (rseq(2)).
    RemoteSyscalls remote(process, tracee);
    restore_rseq(remote, tracee, {});
  }
  tracee.note_saved(0);  // when it comes back the area is to be registered again
  tracee.set_signal_mask(kAllSignals);
  tracee.set_state(ThreadState::kParked);
}

void end_thread(Process& process, Tracee& tracee) {
  const pid_t tid = tracee.tid();
  RemoteSyscalls remote(process, tracee);
  // Without these the kernel would write to, and wake, memory that is someone else's by now.
  RemoteCall calls[] = {{SYS_set_tid_address, {0}}, {SYS_set_robust_list, {0, sizeof(RobustListHead)}}};
  remote.batch(calls);
  tracee.set_signal_mask(kAllSignals);
  tracee.set_dispatch({});
  auto r = tracee.registers();
  r.rip = RemoteSyscalls::spare_syscall(process);
  r.rax = SYS_exit;
  r.rdi = 0;
  r.orig_rax = static_cast<uint64_t>(-1);
  tracee.set_registers(r);
  if (tracee.resume(PTRACE_CONT, 0)) {
    for (;;) {
      const int status = process.waiter().wait_for(tid);
      if (WIFEXITED(status) || WIFSIGNALED(status)) break;
      ptrace(PTRACE_CONT, tid, nullptr, nullptr);
    }
  }
  process.remove(tid);
}

bool park_exiting_thread(Process& process, Tracee& tracee) {
  const uint64_t head = robust_list(tracee).head;
  RobustListHead list{};
  if (head && process.memory().read(head, &list, sizeof list) == sizeof list && (list.next != head || list.pending)) return false;
  RemoteSyscalls remote(process, tracee);
  uint64_t clear_child_tid = 0;
  if (remote.call(SYS_prctl, kGetTidAddress, remote.buffer()) != 0) return false;
  remote.get(&clear_child_tid, sizeof clear_child_tid);
  // Before anybody learns that the thread is gone: who joins it unmaps its stack, and the rseq area with it.
  restore_rseq(remote, tracee, {});
  if (clear_child_tid) {
    const uint32_t zero = 0;
    process.memory().write(clear_child_tid, &zero, sizeof zero);
    remote.call(SYS_futex, clear_child_tid, FUTEX_WAKE, 1);
  }
  park(process, tracee);
  return true;
}

}  // namespace rollpoint::snapshot
