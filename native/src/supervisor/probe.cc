#include "supervisor/probe.h"

#include <cpuid.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "memory/pagemap.h"
#include "util/unique_fd.h"

namespace rollpoint::supervisor {

using util::UniqueFd;

namespace {

constexpr unsigned kUserModeOnly = 1;                                // UFFD_USER_MODE_ONLY, Linux 5.11
constexpr uint64_t kWpUnpopulated = 1 << 13, kWpAsync = 1 << 15;     // Linux 6.4, 6.7

bool has_userfaultfd() {
  UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly)));
  if (!fd) return false;
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = kWpUnpopulated | kWpAsync;
  return ioctl(fd.get(), UFFDIO_API, &api) == 0;
}

struct ChildFindings {
  bool ptrace = false, pidfd_getfd = false;
};

ChildFindings try_on_child() {
  ChildFindings findings;
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) < 0) return findings;
  UniqueFd read_end(gate[0]), write_end(gate[1]);
  const pid_t pid = fork();
  if (pid < 0) return findings;
  if (pid == 0) {
    close(gate[1]);
    char byte;
    [[maybe_unused]] auto ignored = read(gate[0], &byte, 1);
    _exit(0);
  }
  read_end.reset();
  findings.ptrace = ptrace(PTRACE_SEIZE, pid, nullptr, 0L) == 0;
  if (UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); pidfd) {
    UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), 0, 0)));
    findings.pidfd_getfd = static_cast<bool>(copy) || errno == EBADF;
  }
  kill(pid, SIGKILL);
  write_end.reset();
  int status;
  while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {
  }
  return findings;
}

bool has_capability(int number) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("CapEff:")) return std::stoull(line.substr(7), nullptr, 16) >> number & 1;
  return false;
}

void read_xstate(Capabilities& result) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  result.xcr0 = uint64_t{high} << 32 | low;
  for (unsigned component = 2; component < 63; ++component) {
    if (!(result.xcr0 >> component & 1)) continue;
    if (__get_cpuid_count(0xd, component, &a, &b, &c, &d) && a) result.xstate.push_back({component, b, a});
  }
}

}  // namespace

Capabilities probe() {
  Capabilities result;
  utsname name{};
  uname(&name);
  result.kernel = name.release;
  result.architecture = name.machine;
  if (std::ifstream yama("/proc/sys/kernel/yama/ptrace_scope"); yama) {
    int scope = 0;
    yama >> scope;
    result.yama_scope = scope;
  }
  const auto child = try_on_child();
  result.ptrace = child.ptrace;
  result.pidfd_getfd = child.pidfd_getfd;
  result.userfaultfd = has_userfaultfd();
  try {
    result.pagemap_scan = memory::Pagemap(getpid()).has_scan();
  } catch (const std::exception&) {
    // /proc/self/pagemap is hidden here.
  }
  constexpr int kCheckpointRestore = 40;  // CAP_CHECKPOINT_RESTORE, Linux 5.9
  result.set_tid = has_capability(kCheckpointRestore) || has_capability(21);
  if (result.userfaultfd && result.pagemap_scan && result.pidfd_getfd) result.tracker = snapshot::TrackerKind::kUserfaultfd;
  auto lacks = [&](bool has, const char* what) {
    if (!has) result.lacks.push_back(what);
  };
  lacks(result.ptrace, "ptrace: programs cannot be debugged at all");
  lacks(result.userfaultfd, "userfaultfd with asynchronous write protection (Linux 6.7): snapshots compare all memory instead");
  lacks(result.pagemap_scan, "PAGEMAP_SCAN (Linux 6.7): snapshots read the page map entry by entry");
  lacks(result.pidfd_getfd, "pidfd_getfd (Linux 5.6): descriptors closed since a snapshot stay closed");
  read_xstate(result);
  return result;
}

}  // namespace rollpoint::supervisor
