#include "resources/events_pidfd.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

namespace {

uint64_t start_time(pid_t pid) {
  std::string line;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
  // Field 22 (proc_pid_stat(5)); the second is a name that may hold blanks and parentheses.
  size_t at = line.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  return at == std::string::npos ? 0 : strtoull(line.c_str() + at, nullptr, 10);
}

// The process that it stood for had ended, and one that a rollback has made is there in its place: it is a tracee of ours.
bool stands_again(const PidfdTarget& wanted) {
  if (wanted.pid <= 0 || start_time(wanted.pid) == wanted.start) return false;
  constexpr std::string_view kTracer = "TracerPid:\t";
  std::ifstream file("/proc/" + std::to_string(wanted.pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(kTracer)) return access(("/proc/self/task/" + line.substr(kTracer.size())).c_str(), F_OK) == 0;
  return false;
}

}  // namespace

PidfdTarget read_pidfd(const tracee::Process& process, int number) {
  PidfdTarget result;
  result.pid = static_cast<pid_t>(strtol(std::string(FdInfo(process, number).field("Pid")).c_str(), nullptr, 10));
  if (result.pid > 0) result.start = start_time(result.pid);
  return result;
}

Likeness recognise_pidfd(const tracee::Process& process, int number, const PidfdTarget& wanted) {
  const auto now = read_pidfd(process, number);
  if (now.pid == wanted.pid && now.start == wanted.start) return now.pid > 0 ? Likeness::kSame : Likeness::kAlike;
  // It stood for a process that has been waited for since; whether for this one cannot be told from outside.
  return now.pid == -1 && start_time(wanted.pid) != wanted.start && !stands_again(wanted) ? Likeness::kAlike : Likeness::kOther;
}

util::UniqueFd create_pidfd(const PidfdTarget& wanted, int flags) {
  const uint64_t start = start_time(wanted.pid);
  if (wanted.pid <= 0 || (start != wanted.start && !stands_again(wanted))) return {};
  // PIDFD_THREAD is O_EXCL (linux/pidfd.h).
  util::UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, wanted.pid, flags & (O_NONBLOCK | O_EXCL))));
  return fd && start_time(wanted.pid) == start ? std::move(fd) : util::UniqueFd();
}

}  // namespace rollpoint::resources
