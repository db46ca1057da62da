#include "tracee/pid_namespace.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "tracee/arch.h"
#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

using util::SysError;
using util::UniqueFd;

namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;  // Linux 6.3
#endif

/// What a helper process says before it ends.
struct Report {
  pid_t pid = 0;
  int error = 0;
  bool has_users = false, has_proc = false;
  char operation[32] = {};
};

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) throw SysError("pipe", errno);
    read_end.reset(fds[0]);
    write_end.reset(fds[1]);
  }
};

// Everything below, up to the next comment of this kind, runs between fork and exec of a process with many threads: only
// async-signal-safe calls.
[[noreturn]] void say(int to, const Report& report, int code) {
  [[maybe_unused]] auto ignored = write(to, &report, sizeof report);
  _exit(code);
}

[[noreturn]] void fail(int to, const char* operation) {
  Report report;
  report.error = errno;
  strncpy(report.operation, operation, sizeof report.operation - 1);
  say(to, report, 1);
}

bool write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text));
  const int error = errno;
  close(fd);
  errno = error;
  return done;
}

// A child of the caller's parent; its id inside, from the innermost namespace outwards.
pid_t clone_sibling(const pid_t* id) {
  clone_args arguments{};
  arguments.flags = CLONE_PARENT;
  arguments.set_tid = reinterpret_cast<uint64_t>(id);
  arguments.set_tid_size = id ? 1 : 0;
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

// A copy of us would keep our memory from being freed: it becomes a program of a few bytes.
void become_small() {
  struct {
    Elf64_Ehdr header{};
    Elf64_Phdr segment{};
    std::array<uint8_t, arch::kPauseLoop.size()> code = arch::kPauseLoop;
  } file;
  constexpr uint64_t kAddress = 0x400000;
  memcpy(file.header.e_ident, ELFMAG, SELFMAG);
  file.header.e_ident[EI_CLASS] = ELFCLASS64;
  file.header.e_ident[EI_DATA] = ELFDATA2LSB;
  file.header.e_ident[EI_VERSION] = EV_CURRENT;
  file.header.e_type = ET_EXEC;
  file.header.e_machine = arch::kElfMachine;
  file.header.e_version = EV_CURRENT;
  file.header.e_entry = kAddress + offsetof(decltype(file), code);
  file.header.e_phoff = offsetof(decltype(file), segment);
  file.header.e_ehsize = sizeof file.header;
  file.header.e_phentsize = sizeof file.segment;
  file.header.e_phnum = 1;
  file.segment.p_type = PT_LOAD;
  file.segment.p_flags = PF_R | PF_X;
  file.segment.p_vaddr = kAddress;
  file.segment.p_filesz = file.segment.p_memsz = sizeof file;
  file.segment.p_align = 4096;
  int fd = memfd_create("rollpoint", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0) fd = memfd_create("rollpoint", MFD_CLOEXEC);
  if (fd < 0 || write(fd, &file, sizeof file) != sizeof file) return;
  char name[] = "rollpoint";
  char* argv[] = {name, nullptr};
  char* envp[] = {nullptr};
  syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

// The namespace ends with its first process, which ends with the supervisor thread.
[[noreturn]] void run_first(int alive, int to) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd supervisor{alive, 0, 0};
  if (poll(&supervisor, 1, 0) > 0) _exit(1);
  Report report;
  // Nothing of ours goes out, what is mounted outside comes in.
  report.has_proc = mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
                    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0;
  [[maybe_unused]] auto ignored = write(to, &report, sizeof report);
  // Whoever is orphaned in here is reaped by the kernel where SIGCHLD is ignored.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignore, nullptr);
  setsid();
  close_range(0, ~0U, 0);
  become_small();
  for (;;) pause();
}

[[noreturn]] void run_maker(int alive, int to, int first_to, int first_from) {
  Report report;
  const uid_t user = geteuid();
  const gid_t group = getegid();
  // Who is privileged needs no user namespace, and keeps all users and groups without one.
  if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0) fail(to, "unshare");
    report.has_users = true;
    char text[64];
    write_file("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "%u %u 1", group, group);
    if (!write_file("/proc/self/gid_map", text)) fail(to, "write gid_map");
    snprintf(text, sizeof text, "%u %u 1", user, user);
    if (!write_file("/proc/self/uid_map", text)) fail(to, "write uid_map");
  }
  const pid_t one = 1;
  report.pid = clone_sibling(&one);  // to ask for the id tells whether ids can be chosen
  if (report.pid < 0) fail(to, "clone3");
  if (report.pid == 0) {
    close(first_from);
    run_first(alive, first_to);
  }
  close(first_to);
  Report first;
  if (read(first_from, &first, sizeof first) == sizeof first) report.has_proc = first.has_proc;
  say(to, report, 0);
}

bool keep_choosing_ids_after_exec() {
  constexpr int kCheckpointRestore = 40;  // CAP_CHECKPOINT_RESTORE
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return false;
  data[kCheckpointRestore / 32].inheritable |= 1U << kCheckpointRestore % 32;
  return syscall(SYS_capset, &header, data) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kCheckpointRestore, 0, 0) == 0;
}

bool enter(pid_t member, const char* kind, int type) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", member, kind);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const bool done = fd >= 0 && setns(fd, type) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return done;
}

// The forking process itself stays outside: its child is the first that is within.
pid_t fork_within(pid_t member, bool has_users, pid_t wanted, int to) {
  // Where one has entered a mount namespace, /proc may show other ids: the pid namespace first.
  if (has_users && !enter(member, "user", CLONE_NEWUSER)) fail(to, "setns");
  if (!enter(member, "pid_for_children", CLONE_NEWPID)) fail(to, "setns");
  char directory[4096];
  const bool has_directory = getcwd(directory, sizeof directory) != nullptr;
  if (!enter(member, "mnt", CLONE_NEWNS)) fail(to, "setns");
  if (has_directory && chdir(directory) < 0) fail(to, "chdir");
  const pid_t pid = clone_sibling(wanted ? &wanted : nullptr);
  if (pid < 0) fail(to, "clone3");
  if (pid > 0) {
    Report report;
    report.pid = pid;
    say(to, report, 0);
  }
  if (has_users) keep_choosing_ids_after_exec();
  return 0;
}

// Here ends what runs in a forked copy of us.

Report hear(const UniqueFd& from, pid_t helper) {
  Report report;
  if (read(from.get(), &report, sizeof report) != sizeof report) {
    report.error = ECHILD;
    strncpy(report.operation, "fork", sizeof report.operation - 1);
  }
  int status;
  while (waitpid(helper, &status, __WALL) < 0 && errno == EINTR) {
  }
  return report;
}

std::string next_step(const Report& report) {
  std::ifstream limit("/proc/sys/user/max_user_namespaces");
  long most = -1;
  if (limit >> most && most == 0) return "Allow them with \"sudo sysctl user.max_user_namespaces=10000\"";
  if (std::ifstream switched("/proc/sys/kernel/unprivileged_userns_clone"); switched) {
    int on = 1;
    if (switched >> on && !on) return "Allow them with \"sudo sysctl kernel.unprivileged_userns_clone=1\"";
  }
  if (std::ifstream restricted("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); restricted) {
    int on = 0;
    if (restricted >> on && on) return "Allow them with \"sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\"";
  }
  if (report.error == ENOSPC) return "Raise the limit on namespaces (user.max_user_namespaces, user.max_pid_namespaces, user.max_mnt_namespaces)";
  if (report.error == ENOSYS || report.error == EINVAL) return "A kernel with user and pid namespaces is needed (Linux 5.9)";
  return "In a container, start that with a seccomp profile that allows unshare and clone3";
}

}  // namespace

std::unique_ptr<PidNamespace> PidNamespace::make() {
  Pipe result, first, alive;
  const pid_t helper = ::fork();
  if (helper < 0) throw SysError("fork", errno);
  if (helper == 0) {
    close(alive.write_end.get());
    run_maker(alive.read_end.get(), result.write_end.get(), first.write_end.get(), first.read_end.get());
  }
  result.write_end.reset();
  first.write_end.reset();
  const Report report = hear(result.read_end, helper);
  if (report.error) {
    throw util::CodedError(util::kUnsupported,
                           "This system does not let the program run in a pid namespace of its own (" + std::string(report.operation) + ": " + strerror(report.error) + "). " +
                               next_step(report) + ", or leave out \"pidNamespace\": then threads whose end Rollpoint could not catch do not come back.",
                           "pidNamespace");
  }
  return std::unique_ptr<PidNamespace>(new PidNamespace(report.pid, report.has_users, report.has_proc));
}

// It is reaped by whoever waits next: it ends only after all that it takes along have been.
PidNamespace::~PidNamespace() { kill(first_, SIGKILL); }

pid_t PidNamespace::fork(pid_t wanted) const {
  Pipe result;
  const pid_t helper = ::fork();
  if (helper < 0) throw SysError("fork", errno);
  if (helper == 0) {
    const int to = result.write_end.get();
    fork_within(first_, has_users_, wanted, to);
    close(to);
    close(result.read_end.get());
    return 0;
  }
  result.write_end.reset();
  const Report report = hear(result.read_end, helper);
  if (report.error) throw SysError(report.operation, report.error);
  return report.pid;
}

pid_t id_inside(const std::string& path) {
  std::ifstream status(path + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("NSpid:")) return atoi(line.c_str() + line.rfind('\t') + 1);
  return 0;
}

}  // namespace rollpoint::tracee
