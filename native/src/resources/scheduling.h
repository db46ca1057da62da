// How the kernel schedules one thread: policy, nice value, priority, I/O priority, timer slack. Read from outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "util/warning.h"

namespace rollpoint::resources {

struct Scheduling {
  struct {  // struct sched_attr, absent from older headers (sched_setattr(2))
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t utilization_min, utilization_max;
  } attributes{};
  int io_priority = 0;
};

Scheduling read_scheduling(pid_t tid);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_scheduling(pid_t tid, const Scheduling& wanted);
/// What could not be put back: an ordinary user may lower a priority, not raise it.
util::Warnings restore_scheduling(pid_t tid, const Scheduling& wanted);
bool same_scheduling(pid_t tid, const Scheduling& wanted);

}  // namespace rollpoint::resources
