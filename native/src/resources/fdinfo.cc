#include "resources/fdinfo.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace rollpoint::resources {

FdInfo::FdInfo(const tracee::Process& process, int number) {
  const std::string path = "/proc/" + std::to_string(process.pid()) + "/fdinfo/" + std::to_string(number);
  util::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return;
  for (char part[8192];;) {
    const ssize_t got = read(file.get(), part, sizeof part);
    if (got <= 0) break;
    text_.append(part, static_cast<size_t>(got));
  }
}

std::string_view FdInfo::field(std::string_view name) const {
  const std::string_view text = text_;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      const size_t first = line.find_first_not_of(" \t", name.size() + 1);
      return first == std::string_view::npos ? std::string_view() : line.substr(first);
    }
    at = end + 1;
  }
  return {};
}

uint64_t FdInfo::number(std::string_view name, int base) const {
  return strtoull(std::string(field(name)).c_str(), nullptr, base);
}

util::UniqueFd borrow(const tracee::Process& process, int number) {
  return util::UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), number, 0)));
}

void set_status_flags(int fd, int wanted) {
  constexpr int kSettable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
  const int now = fcntl(fd, F_GETFL);
  if (now >= 0 && ((now ^ wanted) & kSettable)) fcntl(fd, F_SETFL, (wanted & kSettable) | (now & O_ASYNC));
}

}  // namespace rollpoint::resources
