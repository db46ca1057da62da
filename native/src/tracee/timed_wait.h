// A system call that waits with a time limit counted from where it is made: when that is over, and what it returns then.
// The kernel keeps it to itself; it is reckoned from the moment at which the thread was taken off its processor.
// Knows nothing of stops and of who asks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "tracee/arch.h"

namespace rollpoint::tracee {

struct TimedWait {
  uint64_t number = 0;  // of the system call
  uint64_t behind = 0;  // the address behind its instruction
  int64_t ends = 0;     // ns, CLOCK_MONOTONIC
  int64_t result = 0;   // in rax when the time is over
  uint64_t rest = 0;    // where the kernel writes what remains when a signal ends it; 0: nowhere
};

/// What a thread was seen to wait in while it ran.
struct Sighting {
  uint64_t number = 0, behind = 0;
  int64_t limit = 0;    // ns, from where the call was made
  int descriptor = -1;  // of a socket or something else whose own limit counts, if it has one
  int64_t result = 0;
  uint64_t rest = 0;
  int64_t off_since = 0;  // ns, on the clock of the processor that it was taken off
  int processor = 0;
};

/// CLOCK_MONOTONIC, in ns.
int64_t monotonic_now();
/// Of a thread that nobody has interrupted yet. None where it waits in no such call, or in one whose limit the kernel counts
/// down in place (select, ppoll, nanosleep with one place for both), or where the kernel does not tell (CONFIG_SCHED_DEBUG).
std::optional<Sighting> see_wait(pid_t tid);
/// With the thread stopped. None where it has no limit after all, or where the processor's clock cannot be read.
std::optional<TimedWait> timed_wait(pid_t tid, const Sighting& seen);
/// What `rest` is to hold now: the kernel reckons from where the call was issued again.
void write_rest(pid_t tid, const TimedWait& wait, int64_t now);

}  // namespace rollpoint::tracee
