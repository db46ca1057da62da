#include "tracee/remote_syscalls.h"

#include <linux/prctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "memory/maps.h"
#include "util/error.h"

namespace rollpoint::tracee {

using util::CodedError;
using util::SysError;

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kCallBytes = 64 << 10;    // 1,024 calls at a time
constexpr size_t kBufferBytes = 256 << 10;
constexpr size_t kBatch = kCallBytes / sizeof(RemoteCall);

void write_all(Process& process, uint64_t address, const void* data, size_t size) {
  if (process.memory().write(address, data, size) != size) throw SysError("write to the program", EFAULT);
}

uint64_t find_syscall_instruction(Process& process) {
  std::vector<std::byte> text;
  auto search = [&](const memory::Vma& vma) -> uint64_t {
    text.resize(vma.end - vma.start);
    size_t got = process.memory().read(vma.start, text.data(), text.size());
    auto* begin = reinterpret_cast<const uint8_t*>(text.data());
    auto* hit = std::search(begin, begin + got, arch::kSyscallInstruction.begin(), arch::kSyscallInstruction.end());
    return hit == begin + got ? 0 : vma.start + static_cast<uint64_t>(hit - begin);
  };
  const auto maps = memory::read_maps(process.pid());
  for (auto& vma : maps)
    if (vma.path == "[vdso]")
      if (uint64_t address = search(vma)) return address;
  for (auto& vma : maps)
    if ((vma.prot & PROT_EXEC) && vma.path != "[vsyscall]")
      if (uint64_t address = search(vma)) return address;
  throw CodedError(util::kUnsupported, "The program has no system call instruction to borrow.");
}

[[noreturn]] void refuse_filter() {
  throw CodedError(util::kUnsupported,
                   "The program runs under a seccomp filter, which could kill it for the system calls that a "
                   "snapshot needs. Debugging goes on; snapshots need the filter switched off, or a privileged user. Where the "
                   "filter is a container's, start that with --cap-add=SYS_PTRACE.");
}

// A processor that halts takes longer to wake, in a virtual machine by far, than the calls do that we wait for here.
int wait_awake(Process& process, pid_t tid) {
  static const bool alone = std::thread::hardware_concurrency() < 2;
  constexpr std::chrono::microseconds kAwake(100);
  const auto begin = std::chrono::steady_clock::now();
  for (int status; !alone && std::chrono::steady_clock::now() - begin < kAwake; sched_yield())  // to it, where it is to run on our processor
    if (waitpid(tid, &status, __WALL | WNOHANG) == tid) return status;
  return process.waiter().wait_for(tid);
}

}  // namespace

RemoteSyscalls::RemoteSyscalls(Process& process, Tracee& tracee) : process_(process), tracee_(tracee) {
  if (process_.filtered && !tracee_.set_filter_aside(process_.trace_options)) refuse_filter();
  if (!process_.scratch) ensure_scratch();
}

void RemoteSyscalls::ensure_scratch() {
  set_filters_aside(process_);
  if (process_.filtered && !tracee_.set_filter_aside(process_.trace_options)) refuse_filter();
  auto r = tracee_.registers();
  r.rip = find_syscall_instruction(process_);
  auto map = [&](uint64_t hint, size_t size, uint64_t protection, uint64_t flags) {
    auto m = r;
    m.orig_rax = static_cast<uint64_t>(-1);
    m.rax = SYS_mmap;
    m.rdi = hint;
    m.rsi = size;
    m.rdx = protection;
    m.r10 = MAP_PRIVATE | MAP_ANONYMOUS | flags;
    m.r8 = static_cast<uint64_t>(-1);
    m.r9 = 0;
    auto result = static_cast<int64_t>(run(m, PTRACE_SINGLESTEP, nullptr).rax);
    if (result < 0) throw SysError("mmap in the program", static_cast<int>(-result));
    return static_cast<uint64_t>(result);
  };
  Scratch scratch;
  scratch.size = kCallBytes + kBufferBytes;
  scratch.code = map(0, kPage + scratch.size, PROT_READ | PROT_WRITE, 0);
  scratch.data = scratch.code + kPage;
  map(scratch.code, kPage, PROT_READ | PROT_EXEC, MAP_FIXED);
  write_all(process_, scratch.code, arch::kSyscallLoop.data(), arch::kSyscallLoop.size());
  write_all(process_, scratch.code + arch::kGatherLoopOffset, arch::kGatherLoop.data(), arch::kGatherLoop.size());
  write_all(process_, scratch.code + arch::kScatterLoopOffset, arch::kScatterLoop.data(), arch::kScatterLoop.size());
  process_.scratch = scratch;
  // A flag of its own keeps the kernel from merging it with the program's mappings; the name is for who reads the maps,
  // kernels without names refuse, no harm.
  call(SYS_madvise, scratch.data, scratch.size, MADV_DONTDUMP);
  const char name[] = "rollpoint";
  put(name, sizeof name);
  call(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, scratch.data, scratch.size, buffer());
}

uint64_t RemoteSyscalls::buffer() const { return process_.scratch->data + kCallBytes; }
size_t RemoteSyscalls::buffer_size() const { return kBufferBytes; }

uint64_t RemoteSyscalls::put(const void* data, size_t size, size_t offset) {
  write_all(process_, buffer() + offset, data, size);
  return buffer() + offset;
}

void RemoteSyscalls::get(void* data, size_t size, size_t offset) {
  if (process_.memory().read(buffer() + offset, data, size) != size) throw SysError("read from the program", EFAULT);
}

arch::GeneralRegisters RemoteSyscalls::run(const arch::GeneralRegisters& registers, int request, pid_t* child) {
  const pid_t tid = tracee_.tid();
  const auto saved = tracee_.registers();
  const uint64_t mask = tracee_.signal_mask();
  // SIGTRAP must stay open: a forced signal that is blocked would reset its action (kernel/signal.c).
  tracee_.set_signal_mask(~(1ULL << (SIGTRAP - 1)));
  if (process_.filtered) tracee_.set_filter_aside(process_.trace_options);  // it may have run since
  // The program would answer our calls itself.
  const auto dispatch = tracee_.dispatch();
  tracee_.set_dispatch({});
  auto start = registers;
  if (ptrace(PTRACE_SETREGS, tid, nullptr, &start) < 0) throw SysError("PTRACE_SETREGS", errno);
  std::vector<int> postponed;
  for (;;) {
    if (ptrace(static_cast<__ptrace_request>(request), tid, nullptr, nullptr) < 0) throw SysError("ptrace resume", errno);
    const int status = wait_awake(process_, tid);
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      process_.lose(tid, status);
      throw CodedError(util::kProcessGone, "The program ended while Rollpoint worked on it.");
    }
    const int event = status >> 16, signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
      unsigned long message = 0;
      ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message);
      if (child) *child = static_cast<pid_t>(message);
    } else if (event == 0 && signal == SIGTRAP) {
      break;
    } else if (event == 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL)) {
      ptrace(PTRACE_SETREGS, tid, nullptr, &saved);
      throw CodedError(util::kProcessGone, "Rollpoint's pages inside the program are damaged; the program's state can no longer be trusted.");
    } else if (event == 0 && signal != SIGTRAP) {
      postponed.push_back(signal);  // only what cannot be masked: SIGSTOP
    }
  }
  arch::GeneralRegisters result;
  if (ptrace(PTRACE_GETREGS, tid, nullptr, &result) < 0) throw SysError("PTRACE_GETREGS", errno);
  if (ptrace(PTRACE_SETREGS, tid, nullptr, &saved) < 0) throw SysError("PTRACE_SETREGS", errno);
  tracee_.set_registers(saved);
  tracee_.set_signal_mask(mask);
  tracee_.set_dispatch(dispatch);
  for (int signal : postponed) syscall(SYS_tgkill, process_.pid(), tid, signal);
  return result;
}

void RemoteSyscalls::batch(std::span<RemoteCall> calls) {
  const auto& scratch = *process_.scratch;
  while (!calls.empty()) {
    auto part = calls.first(std::min(calls.size(), kBatch));
    write_all(process_, scratch.data, part.data(), part.size_bytes());
    auto r = tracee_.registers();
    r.rip = scratch.code;
    r.rbx = scratch.data;
    r.r12 = part.size();
    r.orig_rax = static_cast<uint64_t>(-1);
    r.eflags &= ~uint64_t{0x500};  // neither single-step nor backwards
    run(r, PTRACE_CONT, nullptr);
    if (process_.memory().read(scratch.data, part.data(), part.size_bytes()) != part.size_bytes())
      throw SysError("read from the program", EFAULT);
    calls = calls.subspan(part.size());
  }
}

int64_t RemoteSyscalls::call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  RemoteCall one{number, {a, b, c, d, e, f}};
  batch({&one, 1});
  return one.result;
}

uint64_t RemoteSyscalls::require(const char* operation, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  int64_t result = call(number, a, b, c, d, e, f);
  if (result < 0 && result >= -4095) throw SysError(std::string(operation) + " in the program", static_cast<int>(-result));
  return static_cast<uint64_t>(result);
}

pid_t RemoteSyscalls::clone(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  auto r = tracee_.registers();
  r.rip = spare_syscall(process_);
  r.orig_rax = static_cast<uint64_t>(-1);
  r.eflags &= ~uint64_t{0x500};
  r.rax = number;
  r.rdi = a;
  r.rsi = b;
  r.rdx = c;
  r.r10 = d;
  r.r8 = e;
  pid_t child = 0;
  auto result = static_cast<int64_t>(run(r, PTRACE_SINGLESTEP, &child).rax);
  if (result < 0) throw SysError("clone in the program", static_cast<int>(-result));
  if (!child) child = static_cast<pid_t>(result);
  process_.waiter().forget_end(child);
  // It starts in a stop (PTRACE_O_TRACECLONE); until then nothing of it may be touched.
  process_.waiter().wait_for(child);
  // It has what its maker had, that its filter is set aside included.
  if (process_.filtered) ptrace(PTRACE_SETOPTIONS, child, nullptr, process_.trace_options);
  return child;
}

pid_t RemoteSyscalls::clone3(clone_args arguments, pid_t wanted) {
  if (wanted) {
    arguments.set_tid = put(&wanted, sizeof wanted, 512);
    arguments.set_tid_size = 1;
  }
  try {
    return clone(SYS_clone3, put(&arguments, sizeof arguments), sizeof arguments);
  } catch (const SysError& error) {
    if (error.error() != ENOSYS) throw;
  }
  if (wanted) throw SysError("clone in the program", EPERM);
  constexpr uint64_t kFlags = 0xffffffff;  // CLONE_CLEAR_SIGHAND is clone3's alone
  return clone(SYS_clone, (arguments.flags & kFlags) | arguments.exit_signal, 0, 0, arguments.child_tid, arguments.tls);
}

uint64_t RemoteSyscalls::spare_syscall(const Process& process) {
  return process.scratch->code + arch::kSyscallLoopSpare;
}

void RemoteSyscalls::set_filters_aside(Process& process) {
  // Filter mode 2 may answer an unexpected call with SIGSYS; strict mode 1 kills outright (seccomp(2)).
  process.filtered = process.has_own_filter();
  if (process.filtered && !process.injector().set_filter_aside(process.trace_options)) {
    process.filtered = false;
    refuse_filter();
  }
}

void RemoteSyscalls::move_scratch(Process& process, uint64_t to) {
  const Scratch from = *process.scratch;
  auto& tracee = process.injector();
  RemoteSyscalls remote(process, tracee);
  auto r = tracee.registers();
  r.rip = find_syscall_instruction(process);  // not in the pages that move; the vdso comes first
  r.orig_rax = static_cast<uint64_t>(-1);
  // One mapping at a time (mremap(2)).
  for (const auto& [start, end] : {std::pair(from.code, from.data), std::pair(from.data, from.end())}) {
    r.rax = SYS_mremap;
    r.rdi = start;
    r.rsi = r.rdx = end - start;
    r.r10 = MREMAP_MAYMOVE | MREMAP_FIXED;
    r.r8 = to + (start - from.code);
    const auto result = static_cast<int64_t>(remote.run(r, PTRACE_SINGLESTEP, nullptr).rax);
    if (result < 0) throw SysError("mremap in the program", static_cast<int>(-result));
  }
  process.scratch = Scratch{.code = to, .data = to + (from.data - from.code), .size = from.size};
}

void RemoteSyscalls::remove_scratch(Process& process) {
  if (!process.scratch) return;
  const Scratch scratch = *process.scratch;
  // Left where they are rather than have the program killed for their sake.
  if (!process.filtered && process.has_own_filter()) {
    process.scratch.reset();
    return;
  }
  auto& tracee = process.injector();
  RemoteSyscalls remote(process, tracee);
  auto r = tracee.registers();
  r.rip = find_syscall_instruction(process);  // not in the pages that go; the vdso comes first
  r.orig_rax = static_cast<uint64_t>(-1);
  r.rax = SYS_munmap;
  r.rdi = scratch.code;
  r.rsi = scratch.end() - scratch.code;
  remote.run(r, PTRACE_SINGLESTEP, nullptr);
  process.scratch.reset();
}

}  // namespace rollpoint::tracee
