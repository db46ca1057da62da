// System calls run inside the stopped debuggee, by one of its threads: one by one, or many in a loop stub.
// Leaves registers, signal mask and siginfo of that thread as they were.
#pragma once

#include <linux/sched.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::tracee {

struct RemoteCall {
  uint64_t number;
  uint64_t arguments[6] = {};
  int64_t result = 0;  // negative: -errno
};
static_assert(sizeof(RemoteCall) == 64);

class RemoteSyscalls {
 public:
  /// Maps the scratch pages on first use. Throws CodedError(kUnsupported) when the debuggee's seccomp filter forbids.
  RemoteSyscalls(Process& process, Tracee& tracee);
  explicit RemoteSyscalls(Process& process) : RemoteSyscalls(process, process.injector()) {}

  int64_t call(uint64_t number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0, uint64_t f = 0);
  /// As `call`, throws SysError on failure.
  uint64_t require(const char* operation, uint64_t number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0, uint64_t f = 0);
  /// Runs all, whatever each returns. 0.5 µs each beyond the first.
  void batch(std::span<RemoteCall> calls);
  /// A clone that makes a new task: its id, stopped at birth and traced.
  pid_t clone(uint64_t number, uint64_t a, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0);
  /// Likewise, on its maker's stack. `wanted`: its id as the debuggee is to see it, 0 for any. Containers answer clone3 with
  /// ENOSYS, to look at the flags of clone; that can choose no id: EPERM then.
  pid_t clone3(clone_args arguments, pid_t wanted = 0);

  /// Room for arguments in memory; valid until the next `RemoteSyscalls` of this process.
  uint64_t buffer() const;
  size_t buffer_size() const;
  uint64_t put(const void* data, size_t size, size_t offset = 0);
  void get(void* data, size_t size, size_t offset = 0);

  /// Where the process runs under a seccomp filter, which could kill it for a remote system call, that is set aside for
  /// them; throws CodedError(kUnsupported) where the kernel allows that to privileged users only. It may have been
  /// installed since the last one.
  static void set_filters_aside(Process& process);
  /// Takes the scratch pages out of the debuggee again (detach).
  static void remove_scratch(Process& process);
  /// Moves them to where nothing of the program is, and nothing of theirs.
  static void move_scratch(Process& process, uint64_t to);
  /// Address of a lone syscall instruction in the scratch page.
  static uint64_t spare_syscall(const Process& process);

 private:
  void ensure_scratch();
  /// Runs from `registers` to the next SIGTRAP. Returns the registers there, and the id of a task born on the way.
  arch::GeneralRegisters run(const arch::GeneralRegisters& registers, int request, pid_t* child);

  Process& process_;
  Tracee& tracee_;
};

}  // namespace rollpoint::tracee
