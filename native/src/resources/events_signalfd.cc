#include "resources/events_signalfd.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

namespace {
// The library's wrapper takes a sigset_t and hides its own signals.
long set_mask(int fd, uint64_t mask, int flags) { return syscall(SYS_signalfd4, fd, &mask, sizeof mask, flags); }
}  // namespace

uint64_t read_signalfd(const tracee::Process& process, int number) { return FdInfo(process, number).number("sigmask", 16); }

util::UniqueFd create_signalfd(uint64_t mask, int flags) {
  return util::UniqueFd(static_cast<int>(set_mask(-1, mask, (flags & O_NONBLOCK) | SFD_CLOEXEC)));
}

std::optional<std::string> restore_signalfd(const tracee::Process& process, int number, uint64_t mask) {
  if (read_signalfd(process, number) == mask) return {};
  const auto fd = borrow(process, number);
  if (!fd) return "it cannot be opened from outside";
  if (set_mask(fd.get(), mask, 0) < 0) return "its signals could not be set";
  return {};
}

}  // namespace rollpoint::resources
