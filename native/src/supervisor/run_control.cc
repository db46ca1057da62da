#include "supervisor/run_control.h"

#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::RunMode;
using tracee::ThreadState;
using tracee::Tracee;

namespace {

std::string task_path(pid_t pid, pid_t tid) { return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid); }

bool is_thread_of(pid_t pid, pid_t tid) { return access(task_path(pid, tid).c_str(), F_OK) == 0; }

bool is_zombie(pid_t pid) {
  std::ifstream file(task_path(pid, pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return true;
  const auto end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && (text[end + 2] == 'Z' || text[end + 2] == 'X');
}

pid_t event_message(pid_t tid) {
  unsigned long message = 0;
  ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message);
  return static_cast<pid_t>(message);
}

bool is_birth(int event) {
  return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

bool is_breakpoint_code(const Tracee& tracee) {
  if (!tracee.siginfo()) return false;
  const int code = tracee.siginfo()->si_code;
  return code == SI_KERNEL || code == TRAP_BRKPT;  // int3 shows as SI_KERNEL on x86
}

// The kernel reports an interrupt before a breakpoint or step that the thread has met already (get_signal()).
bool has_pending_trap(pid_t tid) {
  __ptrace_peeksiginfo_args query{};
  query.nr = 8;
  siginfo_t pending[8];
  const long count = ptrace(PTRACE_PEEKSIGINFO, tid, &query, pending);
  for (long i = 0; i < count; ++i)
    if (pending[i].si_signo == SIGTRAP && pending[i].si_code > 0) return true;
  return false;
}

// A SIGTRAP of the processor's must not be taken for one that was sent.
bool was_sent_by_us(const Tracee& tracee, int signal) {
  return tracee.pass_signal == signal && (signal != SIGTRAP || (tracee.siginfo() && tracee.siginfo()->si_code == SI_TKILL));
}

}  // namespace

void RunControl::resume(const std::vector<ResumeAction>& actions) {
  if (ended_) throw util::CodedError(util::kNoProcess, "The program has ended.");
  if (running_) throw util::CodedError(util::kNotStopped, "The program is running already.");
  for (auto& [tid, tracee] : process_.tracees()) {
    tracee->mode = RunMode::kHold;
    tracee->resume_signal = 0;
    for (auto& action : actions) {
      if (action.tid != -1 && action.tid != tid) continue;
      tracee->mode = action.mode;
      tracee->range_start = action.start;
      tracee->range_end = action.end;
      tracee->resume_signal = action.signal ? action.signal : tracee->owed_signal;
      break;
    }
  }
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    auto* tracee = process_.find(it->first);
    if (!tracee || tracee->mode == RunMode::kHold) continue;
    const Stop stop = it->second;
    pending_.erase(it);
    // Nothing runs this time: what was to be delivered waits for the next.
    for (auto& [tid, other] : process_.tracees())
      if (other->mode != RunMode::kHold) other->owed_signal = other->resume_signal;
    callbacks_.stopped(stop);
    return;
  }
  running_ = true;
  breakpoints_.insert(process_);
  for (auto& [tid, tracee] : process_.tracees()) {
    if (tracee->state() != ThreadState::kStopped || tracee->mode == RunMode::kHold) continue;
    int signal = tracee->resume_signal;
    tracee->owed_signal = 0;
    if (signal && tracee->delivery_signal() == 0) {
      // Only a signal-delivery stop can inject; elsewhere the signal is sent, and its stop passed over.
      syscall(SYS_tgkill, process_.pid(), tid, signal);
      tracee->pass_signal = signal;
      signal = 0;
    }
    go_on(*tracee, signal);
  }
}

void RunControl::go_on(Tracee& tracee, int signal) {
  breakpoints_.arm(tracee);
  const bool step = tracee.mode == RunMode::kStep || tracee.mode == RunMode::kRange;
  tracee.resume(step ? PTRACE_SINGLESTEP : PTRACE_CONT, signal);
}

void RunControl::handle(pid_t tid, int status) {
  const bool gone = WIFEXITED(status) || WIFSIGNALED(status);
  if (ignored_.contains(tid)) {
    if (gone) ignored_.erase(tid);
    return;
  }
  if (gone && tid == process_.pid()) {
    if (!ended_) handle_gone(tid, status);
    return;
  }
  auto* tracee = process_.find(tid);
  if (!tracee) {
    if (gone) {
      early_.erase(tid);
      awaited_.erase(tid);
    } else if (auto it = awaited_.find(tid); it != awaited_.end()) {
      const bool shares = it->second;
      awaited_.erase(it);
      early_[tid] = status;
      release_child(tid, shares);
    } else if (is_thread_of(process_.pid(), tid)) {
      early_[tid] = status;
      adopt_thread(tid);
    } else {
      early_[tid] = status;  // a child whose parent has not reported it yet
    }
    return;
  }
  if (gone) {
    handle_gone(tid, status);
    return;
  }
  if (!running_) {
    absorb(*tracee, status);
    return;
  }
  tracee->note_stop(status);
  undo_moved_exit(*tracee);
  handle_stop(*tracee, status);
}

void RunControl::handle_stop(Tracee& tracee, int status) {
  const int event = status >> 16, signal = WSTOPSIG(status);
  if (is_birth(event)) {
    handle_new_task(tracee.tid(), event);
    go_on(tracee);
  } else if (event == PTRACE_EVENT_VFORK_DONE) {
    tracee.in_vfork = false;
    breakpoints_.insert(process_);
    go_on(tracee);
    if (interrupt_wanted_) interrupt();
  } else if (event == PTRACE_EVENT_EXEC) {
    handle_exec(tracee);
  } else if (event != 0) {
    go_on(tracee);  // a left-over interrupt, or job control, which a debugger overrides
  } else if (was_sent_by_us(tracee, signal)) {
    tracee.pass_signal = 0;
    go_on(tracee, signal);
  } else if (signal == SIGTRAP) {
    handle_trap(tracee);
  } else {
    report({.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = signal, .executable = {}});
  }
}

// nullopt: a stop that nobody needs to hear of; the thread stands where it can go on.
std::optional<Stop> RunControl::classify_trap(Tracee& tracee) {
  Stop stop{.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = SIGTRAP, .executable = {}};
  if (is_breakpoint_code(tracee) && breakpoints_.inserted_at(tracee.pc() - 1)) {
    tracee.set_pc(tracee.pc() - 1);
    if (!breakpoints_.wanted_at(tracee.pc())) return std::nullopt;
    stop.reason = StopReason::kBreakpoint;
    return stop;
  }
  const int code = tracee.siginfo() ? tracee.siginfo()->si_code : 0;
  if (breakpoints_.uses_debug_registers()) {
    if (auto hit = breakpoints_.take_hit(tracee)) {
      stop.reason = hit->kind == BreakpointKind::kHardware ? StopReason::kHardwareBreakpoint : StopReason::kWatchpoint;
      stop.address = hit->address;
      stop.access = hit->kind;
      return stop;
    }
  }
  const bool stepping = tracee.mode == RunMode::kStep || tracee.mode == RunMode::kRange;
  // Stepped into a handler: the kernel reports the set-up of its frame with the signal's number as the code.
  if (stepping && (code == TRAP_TRACE || code == SIGTRAP || code == TRAP_BRANCH || code == TRAP_HWBKPT)) {
    const uint64_t pc = tracee.pc();
    if (tracee.mode == RunMode::kRange && pc >= tracee.range_start && pc < tracee.range_end) return std::nullopt;
    stop.reason = StopReason::kStep;
  }
  return stop;
}

void RunControl::handle_trap(Tracee& tracee) {
  if (auto stop = classify_trap(tracee)) {
    report(*stop);
    return;
  }
  if (breakpoints_.hidden_at(tracee.pc()) && breakpoints_.inserted_at(tracee.pc()) && at_exit_site(tracee)) return;
  go_on(tracee);
}

// True when the thread was dealt with here.
bool RunControl::at_exit_site(Tracee& tracee) {
  auto r = tracee.registers();
  if (r.rax != SYS_exit) {
    breakpoints_.lift(process_, r.rip);
    breakpoints_.drop_hidden(r.rip);
    return false;
  }
  if (callbacks_.park_at_exit(tracee)) return true;
  tracee.exit_site = r.rip;
  r.rip = tracee::RemoteSyscalls::spare_syscall(process_);
  tracee.set_registers(r);
  tracee.resume(PTRACE_CONT, 0);
  return true;
}

// A stop that came before the moved exit was made: back to where the thread came from, since by the time it goes on a
// snapshot may want it.
void RunControl::undo_moved_exit(Tracee& tracee) {
  const uint64_t site = std::exchange(tracee.exit_site, 0);
  if (!site || !process_.scratch) return;
  auto r = tracee.registers();
  if (r.rip != tracee::RemoteSyscalls::spare_syscall(process_) || r.rax != SYS_exit) return;
  r.rip = site;
  tracee.set_registers(r);
}

void RunControl::handle_new_task(pid_t parent, int event) {
  const pid_t child = event_message(parent);
  if (event == PTRACE_EVENT_CLONE && is_thread_of(process_.pid(), child)) {
    adopt_thread(child);
    return;
  }
  const bool shares = event == PTRACE_EVENT_VFORK;
  if (shares) {
    process_.at(parent).in_vfork = true;
    // The child runs in the same memory, untraced: it must not meet our bytes.
    breakpoints_.withdraw(process_);
  }
  release_child(child, shares);
}

void RunControl::adopt_thread(pid_t tid) {
  auto it = early_.find(tid);
  const bool known = process_.find(tid) != nullptr;
  auto& tracee = process_.add(tid);
  if (tracee.mode == RunMode::kHold) tracee.mode = RunMode::kContinue;
  if (it == early_.end()) {
    // Already known: its first stop came before its parent's event, and it has been let go since. It must get an
    // interrupt like any other when all are stopped.
    if (!known) tracee.is_new = true;
    return;
  }
  const int status = it->second;
  early_.erase(it);
  tracee.note_stop(status);
  tracee.is_new = true;
  if (running_ && !stopping_) go_on(tracee);
}

void RunControl::release_child(pid_t child, bool shares_memory) {
  if (!early_.erase(child)) {
    awaited_[child] = shares_memory;
    return;
  }
  // clone(CLONE_VM) without CLONE_THREAD or CLONE_VFORK: taking our bytes out would take them from the debuggee too.
  shares_memory = shares_memory || syscall(SYS_kcmp, process_.pid(), child, KCMP_VM, 0, 0) == 0;
  if (!shares_memory) {
    try {
      memory::RemoteMemory copy(child);
      breakpoints_.withdraw_from_copy(copy);
    } catch (const util::SysError&) {
      // It was killed before it ran.
    }
  }
  ptrace(PTRACE_DETACH, child, nullptr, nullptr);
}

void RunControl::handle_exec(Tracee& tracee) {
  const int status = tracee.status();
  process_.reset_after_exec(event_message(process_.pid()));
  pending_.clear();
  breakpoints_.clear();
  callbacks_.exec_done();
  auto& survivor = process_.at(process_.pid());
  survivor.note_stop(status);
  survivor.interrupt();
  survivor.resume(PTRACE_CONT, 0);
  const int next = process_.waiter().wait_for(survivor.tid());
  if (WIFEXITED(next) || WIFSIGNALED(next)) {
    handle_gone(survivor.tid(), next);
    return;
  }
  survivor.note_stop(next);
  report({.reason = StopReason::kExec, .tid = survivor.tid(), .signal = SIGTRAP, .executable = process_.executable()});
}

void RunControl::handle_gone(pid_t tid, int status) {
  pending_.erase(tid);
  process_.remove(tid);
  if (tid == process_.pid()) {
    ended_ = true;
    running_ = false;
    process_.tracees().clear();
    callbacks_.ended(WIFSIGNALED(status) ? End{true, WTERMSIG(status)} : End{false, WEXITSTATUS(status)});
    return;
  }
  if (!running_ || stopping_) return;
  for (auto& [other, tracee] : process_.tracees())
    if (tracee->state() == ThreadState::kRunning) return;
  // The last thread that was to run has ended and the others are held: the debugger must get a word.
  for (auto& [other, tracee] : process_.tracees())
    if (!tracee->parked()) return report({.reason = StopReason::kInterrupt, .tid = other, .executable = {}});
}

void RunControl::report(const Stop& stop) {
  interrupt_wanted_ = false;
  stop_all();
  if (ended_) return;
  running_ = false;
  breakpoints_.withdraw(process_);
  callbacks_.stopped(stop);
}

void RunControl::interrupt() {
  if (!running_) return;
  stop_all();
  if (ended_) return;
  pid_t tid = 0;
  for (auto& [other, tracee] : process_.tracees())
    if (tracee->state() == ThreadState::kStopped && (!tid || other == process_.pid())) tid = other;
  interrupt_wanted_ = tid == 0;
  if (interrupt_wanted_) return;
  running_ = false;
  breakpoints_.withdraw(process_);
  callbacks_.stopped({.reason = StopReason::kInterrupt, .tid = tid, .executable = {}});
}

void RunControl::stop_all() {
  stopping_ = true;
  auto outstanding = [&] {
    size_t count = 0;
    for (auto& [tid, tracee] : process_.tracees())
      if (!tracee->stopped() && !tracee->in_vfork) ++count;
    return count;
  };
  for (auto& [tid, tracee] : process_.tracees())
    if (!tracee->stopped() && !tracee->in_vfork && !tracee->is_new && !tracee->interrupt_sent) tracee->interrupt();
  while (!ended_) {
    const size_t left = outstanding();
    if (!left) break;
    std::optional<tracee::WaitStatus> status;
    auto* leader = process_.find(process_.pid());
    if (left == 1 && leader && !leader->stopped() && process_.tracees().size() > 1) {
      // A leader that has ended before the other threads never reports (ptrace(2), BUGS).
      status = process_.waiter().poll();
      if (!status && is_zombie(process_.pid())) {
        process_.remove(process_.pid());
          break;
      }
      if (!status) {
        timespec pause{0, 50'000};
        nanosleep(&pause, nullptr);
        continue;
      }
    } else {
      status = process_.waiter().wait();
      if (!status) continue;
    }
    if (auto* tracee = process_.find(status->tid); tracee && WIFSTOPPED(status->status) && !ignored_.contains(status->tid))
      absorb(*tracee, status->status);
    else
      handle(status->tid, status->status);
  }
  stopping_ = false;
}

// Takes a stop that came while everything is being brought to a halt.
void RunControl::absorb(Tracee& tracee, int status) {
  const int event = status >> 16;
  tracee.note_stop(status);
  undo_moved_exit(tracee);
  if (event == PTRACE_EVENT_EXEC) {
    handle_exec(tracee);
    return;
  }
  if (is_birth(event)) handle_new_task(tracee.tid(), event);
  if (event == PTRACE_EVENT_VFORK_DONE) tracee.in_vfork = false;
  if (event != 0 && event != PTRACE_EVENT_STOP) {
    // Inside a system call registers must not be changed; go on to its edge.
    tracee.interrupt();
    tracee.resume(PTRACE_CONT, 0);
    return;
  }
  if (event == PTRACE_EVENT_STOP) {
    // Its stop comes at once, with nothing run in between; left in the queue it would be told when the breakpoint is
    // gone, with the pc behind it.
    if (has_pending_trap(tracee.tid())) tracee.resume(PTRACE_CONT, 0);
    return;
  }
  const int signal = WSTOPSIG(status);
  if (was_sent_by_us(tracee, signal)) {
    tracee.pass_signal = 0;
    tracee.owed_signal = signal;
  } else if (signal == SIGTRAP) {
    auto stop = classify_trap(tracee);
    // A breakpoint or step is met again when the thread goes on; a watched access is not.
    if (stop && stop->reason != StopReason::kBreakpoint && stop->reason != StopReason::kStep) pending_[tracee.tid()] = *stop;
  } else {
    pending_[tracee.tid()] = {.reason = StopReason::kSignal, .tid = tracee.tid(), .signal = signal, .executable = {}};
  }
}

void RunControl::detach() {
  breakpoints_.clear_debug_registers();
  for (auto& [tid, tracee] : process_.tracees()) {
    breakpoints_.arm(*tracee);
    int signal = 0;
    if (auto it = pending_.find(tid); it != pending_.end() && it->second.reason == StopReason::kSignal) signal = it->second.signal;
    tracee->resume(PTRACE_DETACH, signal == SIGTRAP ? 0 : signal);
  }
  process_.tracees().clear();
  ended_ = true;
}

}  // namespace rollpoint::supervisor
