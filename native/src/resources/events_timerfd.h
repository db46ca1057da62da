// timerfd(2): what remained at the snapshot remains again, unread expirations included; time itself goes on.
#pragma once

#include <time.h>

#include <optional>
#include <string>

#include "resources/descriptors.h"

namespace rollpoint::resources {

struct TimerDescriptor {
  int clock = 0;
  int flags = 0;  // of timerfd_settime: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET
  itimerspec remaining{};
  uint64_t ticks = 0;  // expirations that nobody has read
};

TimerDescriptor read_timerfd(const tracee::Process& process, int number);
Likeness recognise_timerfd(const tracee::Process& process, int number, const TimerDescriptor& wanted);
util::UniqueFd create_timerfd(const TimerDescriptor& wanted, int flags);
/// Why it could not.
std::optional<std::string> restore_timerfd(const tracee::Process& process, int number, const TimerDescriptor& wanted);

}  // namespace rollpoint::resources
