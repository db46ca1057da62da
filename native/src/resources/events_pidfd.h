// pidfd_open(2): which process it stands for.
#pragma once

#include "resources/descriptors.h"

namespace rollpoint::resources {

struct PidfdTarget {
  pid_t pid = -1;      // as we see it; -1 once the process has been waited for
  uint64_t start = 0;  // of /proc/PID/stat, clock ticks since boot: tells a later process of the same pid
};

PidfdTarget read_pidfd(const tracee::Process& process, int number);
Likeness recognise_pidfd(const tracee::Process& process, int number, const PidfdTarget& wanted);
/// Empty where the process is gone.
util::UniqueFd create_pidfd(const PidfdTarget& wanted, int flags);

}  // namespace rollpoint::resources
