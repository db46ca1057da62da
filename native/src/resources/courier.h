// Carries open file descriptions of ours into the debuggee: SCM_RIGHTS over a socket pair that lives for the moment.
#pragma once

#include <sys/resource.h>

#include "tracee/remote_syscalls.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

class Courier {
 public:
  /// Throws SysError.
  explicit Courier(tracee::Process& process);
  ~Courier();
  Courier(const Courier&) = delete;

  /// The debuggee's descriptor `number` becomes `fd` of ours; what was open there is closed.
  void deliver(int fd, int number, bool close_on_exec);
  /// At a number out of the program's way; the caller closes it there.
  int deliver_anywhere(int fd);

 private:
  void send(int fd);
  int receive();

  pid_t pid_;
  /// The program's limit on open files, raised for the moment where it leaves no room.
  rlimit limit_{};
  bool raised_ = false;
  uint64_t aside_ = 0;
  tracee::RemoteSyscalls remote_;
  int theirs_[2] = {-1, -1};
  util::UniqueFd ours_;
};

}  // namespace rollpoint::resources
