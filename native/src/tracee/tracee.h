// One traced thread of the debuggee: its stop, its registers, its mask. Owns the ptrace calls on a single thread.
// Knows nothing of other threads, breakpoints or snapshots. Supervisor thread only.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tracee/arch.h"
#include "tracee/timed_wait.h"

namespace rollpoint::tracee {

/// struct ptrace_rseq_configuration, absent from older headers (linux/ptrace.h).
struct RseqConfiguration {
  uint64_t pointer;
  uint32_t size, signature, flags, pad;
};

/// struct ptrace_sud_config, likewise: system calls from outside a range that the program answers itself
/// (prctl(2), PR_SET_SYSCALL_USER_DISPATCH). All zero: none.
struct DispatchConfiguration {
  uint64_t mode = 0, selector = 0, offset = 0, length = 0;
  bool operator==(const DispatchConfiguration&) const = default;
};

enum class ThreadState {
  kRunning,
  kStopped,
  /// Stopped at its exit for as long as a snapshot may want it back; hidden from the debugger.
  kParked,
};

enum class RunMode { kHold, kContinue, kStep, kRange };

/// PTRACE_O_…: whatever is born or replaced is told.
inline constexpr long kTraceOptions = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE |
                                        PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;

class Tracee {
 public:
  explicit Tracee(pid_t tid) : tid_(tid) {}
  Tracee(const Tracee&) = delete;

  pid_t tid() const { return tid_; }
  ThreadState state() const { return state_; }
  bool stopped() const { return state_ != ThreadState::kRunning; }
  bool parked() const { return state_ == ThreadState::kParked; }
  void set_state(ThreadState s) { state_ = s; }

  /// Call once per stop, with the wait status: forgets cached registers, and makes our own stop invisible to a
  /// call that would return EINTR for it. A wait of which we know that its time is over returns.
  void note_stop(int status);
  /// After a rollback the stop belongs to another present: no signal is left to deliver.
  void forget_stop();
  int status() const { return status_; }
  /// In a signal-delivery stop: the signal; else 0.
  int delivery_signal() const;
  /// siginfo at the stop; only in a signal-delivery stop.
  const std::optional<siginfo_t>& siginfo() const { return siginfo_; }

  const arch::GeneralRegisters& registers();
  void set_registers(const arch::GeneralRegisters& registers);
  /// Writes what is set and reads it back from the kernel: whether they are `wanted`.
  bool has_registers(const arch::GeneralRegisters& wanted);
  uint64_t pc() { return registers().rip; }
  void set_pc(uint64_t pc);
  /// Registers from which the thread can go on after a rollback: an interrupted call is issued again.
  arch::GeneralRegisters resumable_registers();
  std::vector<std::byte> xstate();
  void set_xstate(std::span<const std::byte> blob);
  uint64_t signal_mask();
  void set_signal_mask(uint64_t mask);
  std::optional<RseqConfiguration> rseq();
  /// Asked for once a stop.
  const DispatchConfiguration& dispatch();
  void set_dispatch(const DispatchConfiguration& configuration);

  /// The number behind restart_syscall while the thread sits in a call with a restart block.
  std::optional<uint64_t> blocked_call() const { return blocked_call_; }
  void set_blocked_call(std::optional<uint64_t> number) { blocked_call_ = number; }

  /// The snapshot since which the thread has done nothing but wait in the call where it stood then; 0 where that is not
  /// known. Its registers would not tell: a thread that has gone round a loop has the same again.
  uint32_t waits_since() const { return waits_since_; }
  /// As it stands now it is in snapshot `id`; 0: in none.
  void note_saved(uint32_t id) { waits_since_ = id; }
  /// Likewise after a rollback: with `resumable_registers` that are to issue the call at `call_at`, or any (0). `wait`: that
  /// one has a time limit, which is over then.
  void note_restored(uint32_t id, uint64_t call_at, const std::optional<TimedWait>& wait) {
    waits_since_ = id;
    call_at_ = call_at;
    wait_ = wait;
    limit_is_ours_ = wait.has_value();
  }
  /// Stopped: the call that it waits in, where that has a time limit of its own and it is known when that is over.
  const std::optional<TimedWait>& timed_wait() const { return wait_; }
  /// Running: when we have to end its wait, ns on CLOCK_MONOTONIC, since the kernel counts from where the call was issued
  /// again. An interrupt then is enough, see note_stop().
  std::optional<int64_t> wait_to_end() const;
  /// The instruction of the call that `resumable_registers` issue again; 0: none.
  uint64_t call_at();

  /// Until it is resumed its seccomp filter does not look. `options`: those that it has. False without the privilege.
  bool set_filter_aside(long options);
  /// Writes registers back and runs the thread. False when it is gone (ESRCH).
  bool resume(int request, int signal);
  bool interrupt();

  // Run control of the current resume.
  RunMode mode = RunMode::kHold;
  uint64_t range_start = 0, range_end = 0;
  int resume_signal = 0;
  int pass_signal = 0;  // sent by us: its stop is not told
  int owed_signal = 0;  // to be delivered by the next resume that lets the thread run
  std::optional<DispatchConfiguration> moved_dispatch;  // before that
  std::optional<arch::GeneralRegisters> moved_exit;  // before its exit was moved away, past a hidden breakpoint
  uint64_t detour = 0;  // the site of the call that it makes from a stub, past a hidden breakpoint
  uint64_t told_exit = 0;  // the debugger knows that it ends the program from here: the next resume lets it
  uint64_t told_stack = 0;  // the stack pointer there: a handler that runs first comes back to both
  /// Of where it stands.
  void note_told(bool ends_here) {
    told_exit = ends_here ? pc() : 0;
    told_stack = ends_here ? registers().rsp : 0;
  }
  bool is_new = false;
  bool in_vfork = false;
  bool interrupt_sent = false;
  bool wait_ended = false;  // by this stop: see note_stop()

 private:
  std::optional<long> options_after_;  // while its filter is set aside
  void flush();
  bool take_mark(arch::GeneralRegisters& registers);
  void leave_mark();
  bool at_edge_of_call() const;
  bool end_wait(arch::GeneralRegisters& registers);
  void note_wait(arch::GeneralRegisters& registers, bool marked);

  pid_t tid_;
  ThreadState state_ = ThreadState::kRunning;
  int status_ = 0;
  std::optional<siginfo_t> siginfo_;
  std::optional<arch::GeneralRegisters> registers_;
  std::optional<DispatchConfiguration> dispatch_;
  bool registers_dirty_ = false;
  std::optional<uint64_t> blocked_call_;
  uint32_t waits_since_ = 0;
  uint64_t call_at_ = 0;  // the instruction of the call that the thread waits in
  uint32_t mark_ = 0;     // see leave_mark()
  std::optional<Sighting> sighting_;  // at the last interrupt
  std::optional<TimedWait> wait_;
  bool limit_is_ours_ = false;  // the kernel would let the wait last longer
};

}  // namespace rollpoint::tracee
