// Signals that wait to be delivered, with their siginfo: per thread, and shared by the process.
#pragma once

#include <signal.h>

#include <map>
#include <vector>

#include "tracee/remote_syscalls.h"

namespace rollpoint::resources {

struct PendingSignals {
  std::vector<siginfo_t> shared;
  std::map<pid_t, std::vector<siginfo_t>> of_thread;  // only threads that have any
};

PendingSignals read_pending_signals(tracee::Process& process);
/// Takes out what is pending now and queues `wanted`. All threads of `wanted` must live, and all signals are blocked
/// by then or will be before any thread runs.
void restore_pending_signals(tracee::Process& process, const PendingSignals& wanted);

}  // namespace rollpoint::resources
