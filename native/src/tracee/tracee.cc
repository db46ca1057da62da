#include "tracee/tracee.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace rollpoint::tracee {

using util::SysError;

namespace {
constexpr auto kGetRseqConfiguration = static_cast<__ptrace_request>(0x420f);
constexpr auto kSetDispatch = static_cast<__ptrace_request>(0x4210), kGetDispatch = static_cast<__ptrace_request>(0x4211);
constexpr uint32_t kNoSnapshot = 0x7fffffff;  // above it orig_rax would say that there is no call
constexpr size_t kMaxXstate = 16384;  // AMX tiles included

long call(const char* what, __ptrace_request request, pid_t tid, void* address, void* data) {
  long result = ptrace(request, tid, address, data);
  if (result < 0) throw SysError(what, errno);
  return result;
}

// Whether the kernel takes the lower half of rax alone for the number of a call, and keeps the upper half in orig_rax
// (entry_64.S and do_syscall_64() since Linux 5.14).
bool upper_half_is_free() {
  static const bool result = [] {
    utsname name{};
    int major = 0, minor = 0;
    return uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 14));
  }();
  return result;
}
uint64_t upper_half(uint32_t id) { return uint64_t{id} << 32; }
}  // namespace

// A thread that waits in a call which is to be known again gets a mark into the upper half of the call's number: the id of
// the snapshot that found it there, or kNoSnapshot. As long as that is found there it is the same call that waits, issued
// again by the kernel or by us at each resume: whoever leaves the call has its result in rax, and whatever is called then has
// no such number.
void Tracee::leave_mark() {
  auto r = registers();
  const uint32_t since = std::exchange(waits_since_, 0), id = since ? since : kNoSnapshot;
  if (!upper_half_is_free()) return;
  if (arch::in_interrupted_syscall(r)) {
    // A restart block is continued under a number of its own, which is the kernel's to set: there the mark is lost.
    if (!arch::waits_on(static_cast<int64_t>(r.rax)) && !(at_edge_of_call() && arch::may_wait_on(static_cast<int64_t>(r.rax)))) return;
    r.orig_rax |= upper_half(id);
    call_at_ = r.rip - arch::kSyscallLength;
  } else {
    if (!call_at_ || r.rip != call_at_ || r.rax >> 32) return;
    r.rax |= upper_half(id);
  }
  mark_ = id;
  waits_since_ = since;
  set_registers(r);
}

// PTRACE_O_TRACESYSGOOD.
bool Tracee::at_edge_of_call() const { return WIFSTOPPED(status_) && status_ >> 8 == (SIGTRAP | 0x80); }

bool Tracee::take_mark(arch::GeneralRegisters& r) {
  const uint32_t id = std::exchange(mark_, 0), since = std::exchange(waits_since_, 0);
  const uint64_t call_at = std::exchange(call_at_, 0);
  if (!id) return false;
  if (arch::in_interrupted_syscall(r) && r.orig_rax >> 32 == id) {
    r.orig_rax &= 0xffffffff;
  } else if (!arch::in_interrupted_syscall(r) && r.rax >> 32 == id && r.rip == call_at) {
    r.rax &= 0xffffffff;  // about to issue it again
    call_at_ = call_at;
  } else {
    return false;
  }
  waits_since_ = since;
  registers_dirty_ = true;
  return true;
}

// Which wait it stands in, and when that is over. What was seen before the interrupt is of the wait that the kernel has then;
// one that was known keeps its end where it is still the same.
void Tracee::note_wait(arch::GeneralRegisters& r, bool marked) {
  const bool inside = arch::in_interrupted_syscall(r);
  const auto result = static_cast<int64_t>(r.rax);
  const bool again = marked || r.orig_rax == SYS_restart_syscall;
  if (at_edge_of_call() && inside && (arch::waits_on(result) || arch::may_wait_on(result))) {
    // The stop itself follows, or the call has not begun.
    if (!again) wait_.reset();
    else if (result != -ENOSYS) end_wait(r);
    return;
  }
  const auto seen = std::exchange(sighting_, std::nullopt);
  if (!inside && marked && wait_) return;  // it has not even been issued again
  const bool told = inside && result == -EINTR && (status_ >> 16) == PTRACE_EVENT_STOP && arch::stop_causes_eintr(r.orig_rax);
  if (!told && !(inside && arch::waits_on(result))) return wait_.reset();
  if (!wait_ || wait_->behind != r.rip || !again) {
    const bool is_seen = seen && seen->behind == r.rip && seen->number == r.orig_rax;
    // A descriptor's own limit shows itself: without one the kernel would issue the call again.
    wait_ = is_seen && (told || seen->descriptor < 0) ? tracee::timed_wait(tid_, *seen) : std::nullopt;
    limit_is_ours_ = false;
  }
  if (end_wait(r) || !told) return;
  arch::rewind_syscall(r, r.orig_rax);
  call_at_ = r.rip;
  registers_dirty_ = true;
  limit_is_ours_ = true;
}

// True when its time is over: it returns.
bool Tracee::end_wait(arch::GeneralRegisters& r) {
  if (!wait_ || !limit_is_ours_) return false;
  const int64_t now = monotonic_now();
  if (wait_->ends > now) {
    if (wait_->rest) write_rest(tid_, *wait_, now);
    return false;
  }
  r.rax = static_cast<uint64_t>(wait_->result);
  r.orig_rax = static_cast<uint64_t>(-1);
  registers_dirty_ = true;
  waits_since_ = 0;
  wait_.reset();
  return wait_ended = true;
}

std::optional<int64_t> Tracee::wait_to_end() const {
  if (stopped() || interrupt_sent || !wait_ || !limit_is_ours_) return std::nullopt;
  return wait_->ends;
}

void Tracee::note_stop(int status) {
  status_ = status;
  state_ = ThreadState::kStopped;
  interrupt_sent = wait_ended = false;
  registers_.reset();
  registers_dirty_ = false;
  dispatch_.reset();
  siginfo_.reset();
  if ((status >> 16) == 0) {
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, tid_, nullptr, &info) == 0) siginfo_ = info;
  }
  arch::GeneralRegisters r;
  if (ptrace(PTRACE_GETREGS, tid_, nullptr, &r) != 0) return;  // it is dying; the exit follows
  note_wait(r, take_mark(r));
  registers_ = r;
  if (arch::in_interrupted_syscall(r) && static_cast<int64_t>(r.rax) == arch::kRestartBlock && r.orig_rax != SYS_restart_syscall) blocked_call_ = r.orig_rax;
}

void Tracee::forget_stop() {
  status_ = PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f;
  siginfo_.reset();
}

int Tracee::delivery_signal() const {
  return WIFSTOPPED(status_) && (status_ >> 16) == 0 ? WSTOPSIG(status_) : 0;
}

const arch::GeneralRegisters& Tracee::registers() {
  if (!registers_) {
    arch::GeneralRegisters r;
    call("PTRACE_GETREGS", PTRACE_GETREGS, tid_, nullptr, &r);
    registers_ = r;
  }
  return *registers_;
}

void Tracee::set_registers(const arch::GeneralRegisters& registers) {
  registers_ = registers;
  registers_dirty_ = true;
}

bool Tracee::has_registers(const arch::GeneralRegisters& wanted) {
  flush();
  arch::GeneralRegisters now, then = wanted;
  call("PTRACE_GETREGS", PTRACE_GETREGS, tid_, nullptr, &now);
  // The others are the kernel's, or the debugger's own step (FLAG_MASK in arch/x86/kernel/ptrace.c).
  constexpr uint64_t kFlagsOfTheProgram = 0x54cd5;
  for (auto* r : {&now, &then}) r->eflags &= kFlagsOfTheProgram;
  return memcmp(&now, &then, sizeof now) == 0;
}

void Tracee::set_pc(uint64_t pc) {
  auto r = registers();
  r.rip = pc;
  set_registers(r);
}

arch::GeneralRegisters Tracee::resumable_registers() {
  auto r = registers();
  if (!arch::in_interrupted_syscall(r)) return r;
  switch (static_cast<int64_t>(r.rax)) {
    case arch::kRestartSys: case arch::kRestartNoIntr: case arch::kRestartNoHand:
      arch::rewind_syscall(r, r.orig_rax);
      break;
    case arch::kRestartBlock:
      // A restart block does not survive: it belongs to whatever call the thread makes next. Issue the original
      // call again; where its number was never seen (attached while it slept) it ends with EINTR.
      if (r.orig_rax != SYS_restart_syscall) arch::rewind_syscall(r, r.orig_rax);
      else if (blocked_call_) arch::rewind_syscall(r, *blocked_call_);
      else r.rax = static_cast<uint64_t>(-EINTR);
      r.orig_rax = static_cast<uint64_t>(-1);
      break;
    default:
      r.orig_rax = static_cast<uint64_t>(-1);
  }
  return r;
}

uint64_t Tracee::call_at() {
  const auto& r = registers();
  if (!arch::in_interrupted_syscall(r)) return call_at_ == r.rip ? call_at_ : 0;
  const uint64_t rip = resumable_registers().rip;
  return rip == r.rip ? 0 : rip;
}

std::vector<std::byte> Tracee::xstate() {
  std::vector<std::byte> blob(kMaxXstate);
  iovec io{blob.data(), blob.size()};
  call("PTRACE_GETREGSET", PTRACE_GETREGSET, tid_, reinterpret_cast<void*>(NT_X86_XSTATE), &io);
  blob.resize(io.iov_len);
  return blob;
}

void Tracee::set_xstate(std::span<const std::byte> blob) {
  iovec io{const_cast<std::byte*>(blob.data()), blob.size()};
  call("PTRACE_SETREGSET", PTRACE_SETREGSET, tid_, reinterpret_cast<void*>(NT_X86_XSTATE), &io);
}

uint64_t Tracee::signal_mask() {
  uint64_t mask = 0;
  call("PTRACE_GETSIGMASK", PTRACE_GETSIGMASK, tid_, reinterpret_cast<void*>(sizeof mask), &mask);
  return mask;
}

void Tracee::set_signal_mask(uint64_t mask) {
  call("PTRACE_SETSIGMASK", PTRACE_SETSIGMASK, tid_, reinterpret_cast<void*>(sizeof mask), &mask);
}

std::optional<RseqConfiguration> Tracee::rseq() {
  RseqConfiguration configuration{};
  if (ptrace(kGetRseqConfiguration, tid_, sizeof configuration, &configuration) < 0) return std::nullopt;
  return configuration;
}

const DispatchConfiguration& Tracee::dispatch() {
  if (!dispatch_) {
    dispatch_.emplace();
    // Before Linux 6.4 nobody is told.
    if (ptrace(kGetDispatch, tid_, sizeof *dispatch_, &*dispatch_) < 0 || !dispatch_->mode) *dispatch_ = {};
  }
  return *dispatch_;
}

void Tracee::set_dispatch(const DispatchConfiguration& configuration) {
  if (dispatch() == configuration) return;
  auto wanted = configuration;
  call("PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG", kSetDispatch, tid_, reinterpret_cast<void*>(sizeof wanted), &wanted);
  dispatch_ = configuration;
}

void Tracee::flush() {
  if (!registers_dirty_) return;
  call("PTRACE_SETREGS", PTRACE_SETREGS, tid_, nullptr, &*registers_);
  registers_dirty_ = false;
}

bool Tracee::set_filter_aside(long options) {
  if (options_after_) return true;
  if (ptrace(PTRACE_SETOPTIONS, tid_, nullptr, options | PTRACE_O_SUSPEND_SECCOMP) < 0) return false;
  options_after_ = options;
  return true;
}

bool Tracee::resume(int request, int signal) {
  if (const auto options = std::exchange(options_after_, std::nullopt)) ptrace(PTRACE_SETOPTIONS, tid_, nullptr, *options);
  try {
    // A handler may see the registers, and whoever is let go is nobody's to mark.
    if (signal || request == PTRACE_DETACH) waits_since_ = 0;
    else if (waits_since_ || (wait_ && limit_is_ours_)) leave_mark();
    flush();
  } catch (const SysError& error) {
    if (error.error() == ESRCH) return false;
    throw;
  }
  // A remote call in between replaced the siginfo of this stop.
  if (signal && siginfo_ && siginfo_->si_signo == signal) ptrace(PTRACE_SETSIGINFO, tid_, nullptr, &*siginfo_);
  if (ptrace(static_cast<__ptrace_request>(request), tid_, nullptr, reinterpret_cast<void*>(static_cast<long>(signal))) < 0) {
    if (errno == ESRCH) return false;
    throw SysError("ptrace resume", errno);
  }
  state_ = ThreadState::kRunning;
  is_new = false;
  registers_.reset();
  dispatch_.reset();
  return true;
}

bool Tracee::interrupt() {
  if (!stopped()) sighting_ = see_wait(tid_);
  if (ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) < 0) return false;
  interrupt_sent = true;
  return true;
}

}  // namespace rollpoint::tracee
