#include "resources/events_timerfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "resources/fdinfo.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, unsigned long long)
#endif

namespace rollpoint::resources {

namespace {

constexpr long kSecond = 1'000'000'000;

bool is_zero(const timespec& time) { return time.tv_sec == 0 && time.tv_nsec == 0; }

timespec sum(const timespec& a, const timespec& b) {
  timespec result{a.tv_sec + b.tv_sec, a.tv_nsec + b.tv_nsec};
  if (result.tv_nsec >= kSecond) {
    ++result.tv_sec;
    result.tv_nsec -= kSecond;
  }
  return result;
}

}  // namespace

TimerDescriptor read_timerfd(const tracee::Process& process, int number) {
  TimerDescriptor result;
  // Of a periodic timer that has expired, the kernel goes on to the next period only when asked for what remains; that
  // also counts the periods gone by.
  if (const auto fd = borrow(process, number)) timerfd_gettime(fd.get(), &result.remaining);
  const FdInfo info(process, number);
  result.clock = static_cast<int>(info.number("clockid"));
  result.flags = static_cast<int>(info.number("settime flags", 8));
  result.ticks = info.number("ticks");
  return result;
}

Likeness recognise_timerfd(const tracee::Process& process, int number, const TimerDescriptor& wanted) {
  return static_cast<int>(FdInfo(process, number).number("clockid")) == wanted.clock ? Likeness::kAlike : Likeness::kOther;
}

util::UniqueFd create_timerfd(const TimerDescriptor& wanted, int flags) {
  return util::UniqueFd(timerfd_create(wanted.clock, (flags & O_NONBLOCK) | TFD_CLOEXEC));
}

std::optional<std::string> restore_timerfd(const tracee::Process& process, int number, const TimerDescriptor& wanted) {
  const auto now = read_timerfd(process, number);
  const bool idle = is_zero(now.remaining.it_value) && is_zero(wanted.remaining.it_value);
  if (idle && now.ticks == wanted.ticks && is_zero(now.remaining.it_interval) && is_zero(wanted.remaining.it_interval)) return {};
  const auto fd = borrow(process, number);
  if (!fd) return "it cannot be opened from outside";
  auto setting = wanted.remaining;
  int flags = 0;
  if (!is_zero(setting.it_value) && (wanted.flags & TFD_TIMER_ABSTIME)) {
    // As the program has set it, or a step of the clock would no longer be told to it.
    timespec time{};
    clock_gettime(wanted.clock, &time);
    setting.it_value = sum(time, setting.it_value);
    flags = wanted.flags & (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
  }
  // Setting forgets unread expirations.
  if (timerfd_settime(fd.get(), flags, &setting, nullptr) < 0) return "it could not be set";
  unsigned long long ticks = wanted.ticks;
  if (ticks && ioctl(fd.get(), TFD_IOC_SET_TICKS, &ticks) < 0) return "this kernel cannot give its unread expirations back";
  return {};
}

}  // namespace rollpoint::resources
