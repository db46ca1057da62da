#include "resources/events_eventfd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

namespace {
// A semaphore goes down by one with each read. Beyond this a rollback would take longer than anybody waits.
constexpr uint64_t kMostReads = 1 << 20;
}  // namespace

EventCounter read_eventfd(const tracee::Process& process, int number) {
  const FdInfo info(process, number);
  EventCounter result;
  result.count = info.number("eventfd-count", 16);
  // Kernels before 6.5 do not show it: a plain counter is by far the more frequent.
  result.semaphore = info.number("eventfd-semaphore") != 0;
  if (!info.field("eventfd-id").empty()) result.id = static_cast<int>(info.number("eventfd-id"));
  return result;
}

Likeness recognise_eventfd(const tracee::Process& process, int number, const EventCounter& wanted) {
  const auto now = read_eventfd(process, number);
  if (now.semaphore != wanted.semaphore) return Likeness::kOther;
  return now.id >= 0 && now.id == wanted.id ? Likeness::kSame : Likeness::kAlike;
}

util::UniqueFd create_eventfd(const EventCounter& wanted, int flags) {
  return util::UniqueFd(eventfd(0, (wanted.semaphore ? EFD_SEMAPHORE : 0) | (flags & O_NONBLOCK) | EFD_CLOEXEC));
}

std::optional<std::string> restore_eventfd(const tracee::Process& process, int number, const EventCounter& wanted) {
  const uint64_t now = read_eventfd(process, number).count;
  if (now == wanted.count) return {};
  const auto fd = borrow(process, number);
  if (!fd) return "it cannot be opened from outside";
  uint64_t left = now, value = 0;
  if (now > wanted.count) {
    if (wanted.semaphore && now - wanted.count > kMostReads) return "it stands too high to be counted down";
    // None of these can block: there is something to read, and nobody else runs.
    while (left > wanted.count) {
      if (read(fd.get(), &value, sizeof value) != sizeof value) return "it could not be read";
      left -= value;
      if (!wanted.semaphore) break;
    }
  }
  value = wanted.count - left;
  if (value && write(fd.get(), &value, sizeof value) != sizeof value) return "it could not be written";
  return {};
}

}  // namespace rollpoint::resources
