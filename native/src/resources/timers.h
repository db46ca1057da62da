// Interval timers and POSIX timers. What remained at the snapshot remains again; time itself goes on.
#pragma once

#include <sys/time.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tracee/inquiry.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct PosixTimer {
  int clock = 0;
  int signal = 0;
  uint64_t value = 0;    // sigev_value
  int notify = 0;        // sigev_notify, with SIGEV_THREAD_ID
  pid_t thread = 0;      // SIGEV_THREAD_ID: who gets the signal, by its id inside the debuggee
  itimerspec remaining{};
};

struct Timers {
  std::array<itimerval, 3> intervals{};  // ITIMER_REAL, _VIRTUAL, _PROF
  std::map<int, PosixTimer> posix;       // by timer id
};

/// `timers` is whole once the inquiry has run, and stays where it is until then.
void ask_timers(tracee::Inquiry& inquiry, pid_t pid, Timers& timers);
/// What could not be put back.
util::Warnings restore_timers(tracee::RemoteSyscalls& remote, const Timers& now, const Timers& wanted);

/// In words, which timers there are and how often they come; what remains goes down while we look.
std::vector<std::string> compare_timers(const Timers& now, const Timers& wanted);

}  // namespace rollpoint::resources
