#include "tracee/timed_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "util/unique_fd.h"

namespace rollpoint::tracee {

namespace {

constexpr int64_t kSecond = 1'000'000'000, kMillisecond = 1'000'000;

struct Call {
  uint64_t number = 0, arguments[6] = {}, behind = 0;
};

struct Limit {
  int64_t length = 0, result = 0;
  uint64_t rest = 0;
  int descriptor = -1;
};

// Short files of /proc that are asked for at each stop. Empty where there is none.
std::string read_short(const char* path) {
  char text[4096];
  const util::UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t size = fd ? read(fd.get(), text, sizeof text) : 0;
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

std::string path_of(pid_t tid, const char* name) { return "/proc/" + std::to_string(tid) + "/" + name; }

// /proc/PID/syscall: the number, six arguments, the stack pointer, the address behind the call (proc(5)). Of a thread that
// runs, or waits outside a call, it says something else.
std::optional<Call> call_of(pid_t tid) {
  Call call;
  auto* a = call.arguments;
  const std::string text = read_short(path_of(tid, "syscall").c_str());
  if (sscanf(text.c_str(), "%lu %lx %lx %lx %lx %lx %lx %*x %lx", &call.number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &call.behind) != 8) return std::nullopt;
  return call;
}

// At `address` in the program; none where that is no time.
std::optional<int64_t> time_at(pid_t tid, uint64_t address) {
  timespec time;
  iovec here{&time, sizeof time}, there{reinterpret_cast<void*>(address), sizeof time};
  if (!address || process_vm_readv(tid, &here, 1, &there, 1, 0) != sizeof time) return std::nullopt;
  constexpr int64_t kLongest = INT64_MAX / kSecond / 2;
  if (time.tv_sec < 0 || time.tv_sec > kLongest) return std::nullopt;
  return time.tv_sec * kSecond + time.tv_nsec;
}

std::optional<Limit> limit_of(pid_t tid, const Call& call) {
  const auto* a = call.arguments;
  auto milliseconds = [](uint64_t argument) -> std::optional<Limit> {
    const int value = static_cast<int>(argument);
    if (value <= 0) return std::nullopt;
    return Limit{.length = value * kMillisecond};
  };
  auto time = [&](uint64_t address, int64_t result, uint64_t rest = 0) -> std::optional<Limit> {
    const auto length = time_at(tid, address);
    if (!length || rest == address) return std::nullopt;
    return Limit{*length, result, rest};
  };
  auto of_descriptor = [&](int64_t result) { return Limit{.result = result, .descriptor = static_cast<int>(a[0])}; };
  switch (call.number) {
    case SYS_nanosleep: return time(a[0], 0, a[1]);
    case SYS_clock_nanosleep: {
      const auto clock = static_cast<clockid_t>(a[0]);
      const bool of_time = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
      return !of_time || (a[1] & TIMER_ABSTIME) ? std::nullopt : time(a[2], 0, a[3]);
    }
    case SYS_poll: return milliseconds(a[2]);
    case SYS_epoll_wait: case SYS_epoll_pwait: return milliseconds(a[3]);
    case SYS_epoll_pwait2: return time(a[3], 0);
    case SYS_io_getevents: case SYS_io_pgetevents: return time(a[4], 0);
    case SYS_rt_sigtimedwait: return time(a[2], -EAGAIN);
    case SYS_semtimedop: return time(a[3], -EAGAIN);
    // Every other operation of futex(2) has a point in time for its limit, or none.
    case SYS_futex: return (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT ? time(a[3], -ETIMEDOUT) : std::nullopt;
    case SYS_read: case SYS_readv: case SYS_write: case SYS_writev:
    case SYS_recvfrom: case SYS_recvmsg: case SYS_recvmmsg: case SYS_accept: case SYS_accept4:
    case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg:
      return of_descriptor(-EAGAIN);
    case SYS_connect: return of_descriptor(-EINPROGRESS);
    default: return std::nullopt;
  }
}

bool is_sending(uint64_t number) {
  switch (number) {
    case SYS_write: case SYS_writev: case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg: case SYS_connect: return true;
    default: return false;
  }
}

pid_t process_of(pid_t tid) {
  const std::string text = read_short(path_of(tid, "status").c_str());
  const auto at = text.find("\nTgid:");
  return at == std::string::npos ? 0 : atoi(text.c_str() + at + 6);
}

// SO_RCVTIMEO and SO_SNDTIMEO (socket(7)).
std::optional<int64_t> socket_limit(pid_t tid, const Sighting& seen) {
  const util::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, process_of(tid), 0)));
  const util::UniqueFd socket(process ? static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), seen.descriptor, 0)) : -1);
  timeval limit{};
  socklen_t size = sizeof limit;
  if (!socket || getsockopt(socket.get(), SOL_SOCKET, is_sending(seen.number) ? SO_SNDTIMEO : SO_RCVTIMEO, &limit, &size) < 0) return std::nullopt;
  const int64_t length = limit.tv_sec * kSecond + limit.tv_usec * 1000;
  return length ? std::optional(length) : std::nullopt;
}

// /proc/PID/sched: when the scheduler last reckoned with the task as the one that runs: when it was taken off its processor,
// by the clock of that one.
std::optional<int64_t> last_run(const std::string& text) {
  const auto at = text.find("se.exec_start");
  const auto colon = at == std::string::npos ? at : text.find(':', at);
  long milliseconds = 0, nanoseconds = 0;  // six digits
  if (colon == std::string::npos || sscanf(text.c_str() + colon, ": %ld.%6ld", &milliseconds, &nanoseconds) != 2) return std::nullopt;
  return milliseconds * kMillisecond + nanoseconds;
}

std::optional<int> processor_of(pid_t tid) {
  const std::string text = read_short(path_of(tid, "stat").c_str());
  // Field 39, processor; the name in field 2 may hold blanks (proc(5)).
  auto position = text.rfind(')');
  for (int field = 2; field < 39 && position != std::string::npos; ++field) position = text.find(' ', position + 1);
  if (position == std::string::npos) return std::nullopt;
  return atoi(text.c_str() + position);
}

// How far CLOCK_MONOTONIC is ahead of a processor's clock, which stands still while that serves interrupts or another
// virtual machine. Read by going there: a thread that comes back from a wait has just been reckoned with.
std::optional<int64_t> measure_lead(int processor) {
  cpu_set_t before, there;
  CPU_ZERO(&there);
  CPU_SET(processor, &there);
  if (sched_getaffinity(0, sizeof before, &before) < 0 || sched_setaffinity(0, sizeof there, &there) < 0) return std::nullopt;
  const timespec moment{0, 1};
  nanosleep(&moment, nullptr);
  const int64_t now = monotonic_now();
  const auto here = last_run(read_short("/proc/thread-self/sched"));
  sched_setaffinity(0, sizeof before, &before);
  if (!here) return std::nullopt;
  return now - *here;
}

std::optional<int64_t> lead_of(int processor) {
  struct Lead {
    int64_t measured = 0, value = 0;
  };
  thread_local std::map<int, Lead> leads;
  const int64_t now = monotonic_now();
  if (auto it = leads.find(processor); it != leads.end() && now - it->second.measured < kSecond) return it->second.value;
  const auto value = measure_lead(processor);
  if (value) leads[processor] = {now, *value};
  return value;
}

}  // namespace

int64_t monotonic_now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

std::optional<Sighting> see_wait(pid_t tid) {
  const auto call = call_of(tid);
  const auto limit = call ? limit_of(tid, *call) : std::nullopt;
  const auto off_since = limit ? last_run(read_short(path_of(tid, "sched").c_str())) : std::nullopt;
  const auto processor = off_since ? processor_of(tid) : std::nullopt;
  if (!processor) return std::nullopt;
  return Sighting{call->number, call->behind, limit->length, limit->descriptor, limit->result, limit->rest, *off_since, *processor};
}

std::optional<TimedWait> timed_wait(pid_t tid, const Sighting& seen) {
  const auto limit = seen.descriptor < 0 ? std::optional(seen.limit) : socket_limit(tid, seen);
  const auto lead = limit ? lead_of(seen.processor) : std::nullopt;
  if (!lead) return std::nullopt;
  return TimedWait{seen.number, seen.behind, seen.off_since + *lead + *limit, seen.result, seen.rest};
}

void write_rest(pid_t tid, const TimedWait& wait, int64_t now) {
  const int64_t left = wait.ends > now ? wait.ends - now : 0;
  timespec time{left / kSecond, left % kSecond};
  iovec here{&time, sizeof time}, there{reinterpret_cast<void*>(wait.rest), sizeof time};
  process_vm_writev(tid, &here, 1, &there, 1, 0);
}

}  // namespace rollpoint::tracee
