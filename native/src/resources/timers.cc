#include "resources/timers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "util/error.h"

namespace rollpoint::resources {

using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr int kTimerCreateRestoreIds = 77;  // PR_TIMER_CREATE_RESTORE_IDS, Linux 6.15
constexpr int kMostAttempts = 4096;         // older kernels give ids in turn

// /proc/PID/timers (proc_pid_timers(5)): ID, signal, notify, ClockID, one line each.
std::map<int, PosixTimer> list_timers(pid_t pid) {
  std::map<int, PosixTimer> result;
  std::ifstream file("/proc/" + std::to_string(pid) + "/timers");
  PosixTimer* timer = nullptr;
  for (std::string line; std::getline(file, line);) {
    int id = 0, signal = 0, target = 0, clock = 0;
    unsigned long value = 0;
    char how[32] = {}, unit[8] = {};
    if (sscanf(line.c_str(), "ID: %d", &id) == 1) {
      timer = &result[id];
    } else if (timer && sscanf(line.c_str(), "signal: %d/%lx", &signal, &value) == 2) {
      timer->signal = signal;
      timer->value = value;
    } else if (timer && sscanf(line.c_str(), "notify: %31[a-z]/%7[a-z].%d", how, unit, &target) == 3) {
      timer->notify = strcmp(how, "none") == 0 ? SIGEV_NONE : strcmp(how, "thread") == 0 ? SIGEV_THREAD : SIGEV_SIGNAL;
      if (strcmp(unit, "tid") == 0) {
        timer->notify |= SIGEV_THREAD_ID;
        timer->thread = tracee::id_inside("/proc/" + std::to_string(pid) + "/task/" + std::to_string(target));
      }
    } else if (timer && sscanf(line.c_str(), "ClockID: %d", &clock) == 1) {
      timer->clock = clock;
    }
  }
  return result;
}

// Throws nothing; false when the id cannot be had.
bool create_timer(RemoteSyscalls& remote, int id, const PosixTimer& timer) {
  sigevent event{};
  event.sigev_value.sival_ptr = reinterpret_cast<void*>(timer.value);
  event.sigev_signo = timer.signal;
  event.sigev_notify = timer.notify;
  event._sigev_un._tid = timer.thread;
  const uint64_t event_at = remote.put(&event, sizeof event);
  const uint64_t id_at = remote.put(&id, sizeof id, 256);
  const auto clock = static_cast<uint64_t>(static_cast<int64_t>(timer.clock));
  if (remote.call(SYS_prctl, kTimerCreateRestoreIds, 1) == 0) {
    const auto result = remote.call(SYS_timer_create, clock, event_at, id_at);
    remote.call(SYS_prctl, kTimerCreateRestoreIds, 0);
    return result == 0;
  }
  std::vector<RemoteCall> surplus;
  bool found = false;
  for (int attempt = 0; attempt < kMostAttempts && !found; ++attempt) {
    int given = -1;
    if (remote.call(SYS_timer_create, clock, event_at, id_at) != 0) break;
    remote.get(&given, sizeof given, 256);
    found = given == id;
    if (!found) surplus.push_back({SYS_timer_delete, {static_cast<uint64_t>(given)}});
  }
  if (!surplus.empty()) remote.batch(surplus);
  return found;
}

bool is_the_same(const PosixTimer& a, const PosixTimer& b) {
  return a.clock == b.clock && a.signal == b.signal && a.value == b.value && a.notify == b.notify && a.thread == b.thread;
}

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }
bool same_time(const timeval& a, const timeval& b) { return a.tv_sec == b.tv_sec && a.tv_usec == b.tv_usec; }

bool none_runs(const Timers& timers) {
  return std::all_of(timers.intervals.begin(), timers.intervals.end(), [](const itimerval& timer) { return timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0; });
}

}  // namespace

void ask_timers(tracee::Inquiry& inquiry, pid_t pid, Timers& timers) {
  timers.posix = list_timers(pid);
  const uint64_t at = inquiry.room(timers.intervals.data(), sizeof timers.intervals);
  for (uint64_t which = 0; which < timers.intervals.size(); ++which) inquiry.call({SYS_getitimer, {which, at + which * sizeof(itimerval)}});
  for (auto& [id, timer] : timers.posix) inquiry.call({SYS_timer_gettime, {static_cast<uint64_t>(id), inquiry.room(&timer.remaining, sizeof timer.remaining)}});
}

util::Warnings restore_timers(RemoteSyscalls& remote, const Timers& now, const Timers& wanted) {
  util::Warnings left;
  std::vector<RemoteCall> calls;
  auto is_there = [&](int id, const PosixTimer& timer) {
    const auto it = now.posix.find(id);
    return it != now.posix.end() && is_the_same(it->second, timer);
  };
  for (auto& [id, timer] : now.posix)
    if (const auto it = wanted.posix.find(id); it == wanted.posix.end() || !is_the_same(it->second, timer)) calls.push_back({SYS_timer_delete, {static_cast<uint64_t>(id)}});
  if (!calls.empty()) remote.batch(calls);
  for (auto& [id, timer] : wanted.posix) {
    if (!is_there(id, timer) && !create_timer(remote, id, timer)) {
      left.push_back({"timer", "POSIX timer " + std::to_string(id) + " was deleted since and its id cannot be had again."});
      continue;
    }
    const uint64_t setting = remote.put(&timer.remaining, sizeof timer.remaining);
    remote.call(SYS_timer_settime, static_cast<uint64_t>(id), 0, setting, 0);
  }
  if (none_runs(now) && none_runs(wanted)) return left;
  const uint64_t base = remote.put(wanted.intervals.data(), sizeof wanted.intervals);
  calls.clear();
  for (uint64_t which = 0; which < 3; ++which) calls.push_back({SYS_setitimer, {which, base + which * sizeof(itimerval), 0}});
  remote.batch(calls);
  return left;
}

std::vector<std::string> compare_timers(const Timers& now, const Timers& wanted) {
  auto is_there = [&](const auto& entry) {
    const auto it = now.posix.find(entry.first);
    return it != now.posix.end() && is_the_same(it->second, entry.second) && same_time(it->second.remaining.it_interval, entry.second.remaining.it_interval);
  };
  std::vector<std::string> result;
  if (now.posix.size() != wanted.posix.size() || !std::all_of(wanted.posix.begin(), wanted.posix.end(), is_there)) result.push_back("the POSIX timers differ");
  for (size_t i = 0; i < wanted.intervals.size(); ++i)
    if (!same_time(now.intervals[i].it_interval, wanted.intervals[i].it_interval)) result.push_back("interval timer " + std::to_string(i) + " differs");
  return result;
}

}  // namespace rollpoint::resources
