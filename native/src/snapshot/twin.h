// The frozen twin: a copy-on-write clone of the debuggee that never runs. It keeps the pages of the first snapshot
// for the price of a fork. Its pages are read with pread, which leaves them shared.
#pragma once

#include <memory>
#include <span>

#include "memory/pagemap.h"
#include "memory/remote_memory.h"
#include "tracee/process.h"
#include "tracee/window.h"
#include "util/background.h"

namespace rollpoint::snapshot {

class Twin {
 public:
  /// Throws SysError (ENOMEM, EAGAIN: no room for another process).
  static std::unique_ptr<Twin> freeze(tracee::Process& process, std::shared_ptr<tracee::Window> window);
  ~Twin();
  Twin(const Twin&) = delete;

  pid_t pid() const { return pid_; }
  /// Where our code page lies in it.
  uint64_t code() const { return code_; }
  bool alive() const;
  /// 4096 bytes each. The twin copies many into the window itself; where that fails they are read from outside, half of
  /// them on `background`, which must be idle. Throws CodedError when the twin is gone.
  void read_pages(std::span<const uint64_t> page_numbers, std::byte* out, util::Background& background);
  void read_from_outside(std::span<const uint64_t> page_numbers, std::byte* out, util::Background& background);
  /// Ends it. Where the debuggee is its parent, that must reap it, unseen by the program: needs a stopped process.
  void end(tracee::Process* stopped);

 private:
  Twin(tracee::Process& process, pid_t pid, std::shared_ptr<tracee::Window> window)
      : process_(process), pid_(pid), code_(process.scratch->code), child_of_debuggee_(!process.launched()), window_(std::move(window)), memory_(pid, memory::RemoteMemory::Access::kMemFile), beside_(pid, memory::RemoteMemory::Access::kMemFile) {}

  void leave_descriptors();

  tracee::Process& process_;
  pid_t pid_;
  uint64_t code_;  // our page in it, where the debuggee had it at the clone
  bool child_of_debuggee_;
  bool ended_ = false;
  std::shared_ptr<tracee::Window> window_;
  memory::RemoteMemory memory_, beside_;
};

}  // namespace rollpoint::snapshot
