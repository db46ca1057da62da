#include "resources/scheduling.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "util/capability.h"

namespace rollpoint::resources {

namespace {
constexpr int kIoprioWhoProcess = 1;

// The time that a fair thread gets at once (Linux 6.12) reads as the kernel's own choice and would be kept as ours.
bool same(const Scheduling& a, const Scheduling& b) {
  return a.attributes.policy == b.attributes.policy && a.attributes.flags == b.attributes.flags && a.attributes.nice == b.attributes.nice &&
         a.attributes.priority == b.attributes.priority && a.attributes.deadline == b.attributes.deadline && a.attributes.period == b.attributes.period &&
         a.attributes.utilization_min == b.attributes.utilization_min && a.attributes.utilization_max == b.attributes.utilization_max;
}

util::Warning stays(pid_t tid) {
  return {"priority", "The scheduling of thread " + std::to_string(tid) + " has been changed since the snapshot, and only a privileged user may raise a priority: it stays as it is."};
}

// sched_setattr(2): what an unprivileged process may do, by its limits.
bool may_go_back(pid_t tid, const Scheduling& now, const Scheduling& wanted) {
  if (util::may(util::kSysNice)) return true;
  rlimit nice{}, priority{};
  prlimit(tid, RLIMIT_NICE, nullptr, &nice);
  prlimit(tid, RLIMIT_RTPRIO, nullptr, &priority);
  auto& to = wanted.attributes;
  const bool real_time = to.policy == SCHED_FIFO || to.policy == SCHED_RR;
  const bool higher = to.policy != now.attributes.policy || to.priority > now.attributes.priority;
  if (real_time) return !higher || to.priority <= priority.rlim_cur;
  const bool raises = to.nice < now.attributes.nice || (now.attributes.policy == SCHED_IDLE && to.policy != SCHED_IDLE);
  return !raises || static_cast<rlim_t>(20 - to.nice) <= nice.rlim_cur;
}

}  // namespace

Scheduling read_scheduling(pid_t tid) {
  Scheduling result;
  if (syscall(SYS_sched_getattr, tid, &result.attributes, sizeof result.attributes, 0) < 0) result.attributes = {};
  result.io_priority = static_cast<int>(syscall(SYS_ioprio_get, kIoprioWhoProcess, tid));
  return result;
}

util::Warnings foresee_scheduling(pid_t tid, const Scheduling& wanted) {
  const auto now = read_scheduling(tid);
  if (!wanted.attributes.size || same(now, wanted) || may_go_back(tid, now, wanted)) return {};
  return {stays(tid)};
}

util::Warnings restore_scheduling(pid_t tid, const Scheduling& wanted) {
  util::Warnings left;
  const auto now = read_scheduling(tid);
  const std::string of = " of thread " + std::to_string(tid);
  if (wanted.attributes.size && !same(now, wanted)) {
    auto attributes = wanted.attributes;
    if (syscall(SYS_sched_setattr, tid, &attributes, 0) < 0) left.push_back(stays(tid));
  }
  if (wanted.io_priority >= 0 && now.io_priority != wanted.io_priority && syscall(SYS_ioprio_set, kIoprioWhoProcess, tid, wanted.io_priority) < 0)
    left.push_back({"priority", "The I/O priority" + of + " could not be put back."});
  return left;
}

bool same_scheduling(pid_t tid, const Scheduling& wanted) {
  const auto now = read_scheduling(tid);
  return same(now, wanted) && now.io_priority == wanted.io_priority;
}

}  // namespace rollpoint::resources
