// Starts a program under ptrace, stopped before its first instruction, or attaches to a running one.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::supervisor {

struct LaunchRequest {
  std::string program, argv0;
  std::vector<std::string> arguments, environment;
  std::optional<std::string> directory, terminal, stderr_terminal;
  bool disable_aslr = true;
  bool pid_namespace = false;
};

/// Throws SysError: "execve", "chdir", "open terminal", "PTRACE_SEIZE", with the errno of the child.
/// CodedError(kUnsupported) where a namespace was asked for and the kernel refuses.
std::unique_ptr<tracee::Process> launch(const LaunchRequest& request, tracee::Waiter& waiter);
/// All threads stopped. Throws SysError("PTRACE_SEIZE").
std::unique_ptr<tracee::Process> attach(pid_t pid, tracee::Waiter& waiter);

}  // namespace rollpoint::supervisor
