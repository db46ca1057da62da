#include "supervisor/launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "supervisor/word_size.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::Process;
using util::SysError;
using util::UniqueFd;

namespace {

/// What failed in the child before its program ran; travels through a pipe that exec closes.
struct ChildFailure {
  int error;
  char operation[28];
};

struct Prepared {
  std::string program;
  std::vector<char*> argv, envp;
};

std::string search_path(const LaunchRequest& request) {
  if (request.program.find('/') != std::string::npos) return request.program;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  for (auto& entry : request.environment)
    if (entry.starts_with("PATH=")) path = entry.substr(5);
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find(':', begin), path.size());
    std::string candidate = path.substr(begin, end - begin) + "/" + request.program;
    if (access(candidate.c_str(), X_OK) == 0 && !std::filesystem::is_directory(candidate)) return candidate;
    begin = end + 1;
  }
  return request.program;
}

// Between fork and exec in a process with many threads: only async-signal-safe calls.
[[noreturn]] void run_child(const LaunchRequest& request, const Prepared& prepared, int go, int report) {
  auto fail = [&](const char* operation) {
    ChildFailure failure{errno, {}};
    strncpy(failure.operation, operation, sizeof failure.operation - 1);
    [[maybe_unused]] auto ignored = write(report, &failure, sizeof failure);
    _exit(127);
  };
  char byte;
  if (read(go, &byte, 1) != 1) _exit(127);  // the supervisor died before it seized us
  // Node ignores SIGPIPE, and ignored signals survive exec.
  struct sigaction defaults {};
  defaults.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &defaults, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (request.directory && chdir(request.directory->c_str()) < 0) fail("chdir");
  if (request.terminal) {
    if (setsid() < 0) fail("setsid");
    int terminal = open(request.terminal->c_str(), O_RDWR);
    if (terminal < 0) fail("open terminal");
    ioctl(terminal, TIOCSCTTY, 0);
    int errors = terminal;
    if (request.stderr_terminal) {
      errors = open(request.stderr_terminal->c_str(), O_RDWR | O_NOCTTY);
      if (errors < 0) fail("open terminal");
    }
    if (dup2(terminal, 0) < 0 || dup2(terminal, 1) < 0 || dup2(errors, 2) < 0) fail("dup2");
  } else {
    // Node marks its own standard descriptors close-on-exec at start (uv_disable_stdio_inheritance).
    for (int fd = 0; fd <= 2; ++fd) {
      int flags = fcntl(fd, F_GETFD);
      if (flags >= 0) fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
    }
  }
  if (request.disable_aslr) {
    int current = personality(0xffffffff);
    if (current >= 0) personality(static_cast<unsigned long>(current) | ADDR_NO_RANDOMIZE);
  }
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(prepared.program.c_str(), prepared.argv.data(), prepared.envp.data());
  fail("execve");
  _exit(127);
}

std::array<UniqueFd, 2> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) throw SysError("pipe", errno);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// From an event stop inside a system call to a stop at its edge, where registers may be changed at will.
void settle(Process& process, tracee::Tracee& tracee) {
  tracee.interrupt();
  tracee.resume(PTRACE_CONT, 0);
  tracee.note_stop(process.waiter().wait_for(tracee.tid()));
}

bool adopt_or_gone(Process& process, pid_t tid) {
  std::ifstream status("/proc/" + std::to_string(process.pid()) + "/task/" + std::to_string(tid) + "/status");
  if (!status) return true;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("TracerPid:") || std::stoi(line.substr(10)) != gettid()) continue;  // the tracer is a thread
    process.add(tid).note_stop(process.waiter().wait_for(tid));
    return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<Process> launch(const LaunchRequest& request, tracee::Waiter& waiter) {
  Prepared prepared;
  prepared.program = search_path(request);
  std::string argv0 = request.argv0.empty() ? request.program : request.argv0;
  prepared.argv.push_back(argv0.data());
  for (auto& argument : request.arguments) prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  for (auto& entry : request.environment) prepared.envp.push_back(const_cast<char*>(entry.c_str()));
  prepared.envp.push_back(nullptr);

  auto [go_read, go_write] = make_pipe();
  auto [report_read, report_write] = make_pipe();
  std::unique_ptr<tracee::PidNamespace> pid_namespace;
  if (request.pid_namespace) pid_namespace = tracee::PidNamespace::make();
  const pid_t pid = pid_namespace ? pid_namespace->fork() : fork();
  if (pid < 0) throw SysError("fork", errno);
  if (pid == 0) {
    close(go_write.get());
    run_child(request, prepared, go_read.get(), report_write.get());
  }
  go_read.reset();
  report_write.reset();
  if (ptrace(PTRACE_SEIZE, pid, nullptr, tracee::kTraceOptions | PTRACE_O_EXITKILL) < 0) {
    int error = errno;
    go_write.reset();
    waiter.wait_for(pid);
    throw SysError("PTRACE_SEIZE", error);
  }
  char byte = 'g';
  if (write(go_write.get(), &byte, 1) != 1) throw SysError("write", errno);
  for (;;) {
    int status = waiter.wait_for(pid);
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      ChildFailure failure{};
      if (read(report_read.get(), &failure, sizeof failure) == sizeof failure) throw SysError(failure.operation, failure.error);
      throw util::CodedError(util::kProcessGone, "The program ended before its first instruction.");
    }
    if (status >> 16 == PTRACE_EVENT_EXEC) {
      if (auto why = refusal(pid)) {
        kill(pid, SIGKILL);
        while (WIFSTOPPED(waiter.wait_for(pid))) continue;
        throw util::CodedError(util::kUnsupported, *why);
      }
      auto process = std::make_unique<Process>(pid, true, waiter);
      process->trace_options |= PTRACE_O_EXITKILL;
      auto& tracee = process->add(pid);
      tracee.note_stop(status);
      settle(*process, tracee);
      process->pid_namespace = std::move(pid_namespace);
      return process;
    }
    ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  }
}

std::unique_ptr<Process> attach(pid_t pid, tracee::Waiter& waiter) {
  // Threads may be born while we go through the list: go on until a pass finds none.
  std::unique_ptr<Process> process;
  for (bool found = true; found;) {
    found = false;
    DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
    if (!directory) throw SysError("attach", ESRCH);
    std::vector<pid_t> tids;
    while (dirent* entry = readdir(directory))
      if (pid_t tid = atoi(entry->d_name)) tids.push_back(tid);
    closedir(directory);
    for (pid_t tid : tids) {
      if (process && process->find(tid)) continue;
      if (ptrace(PTRACE_SEIZE, tid, nullptr, tracee::kTraceOptions) < 0) {
        int error = errno;
        // A thread born of one we hold is traced from birth; one that has ended meanwhile is no loss.
        if (process && (error == ESRCH || error == EPERM) && adopt_or_gone(*process, tid)) continue;
        if (process)
          for (auto& [other, tracee] : process->tracees()) ptrace(PTRACE_DETACH, other, nullptr, nullptr);
        throw SysError("PTRACE_SEIZE", error);
      }
      if (!process) process = std::make_unique<Process>(pid, false, waiter);
      auto& tracee = process->add(tid);
      tracee.interrupt();
      int status = waiter.wait_for(tid);
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        process->remove(tid);
        continue;
      }
      if (auto why = refusal(tid)) {
        for (auto& [other, each] : process->tracees()) ptrace(PTRACE_DETACH, other, nullptr, nullptr);
        throw util::CodedError(util::kUnsupported, *why);
      }
      tracee.note_stop(status);
      if ((status >> 16) != 0 && (status >> 16) != PTRACE_EVENT_STOP) settle(*process, tracee);
      found = true;
    }
  }
  if (!process || process->tracees().empty()) throw SysError("attach", ESRCH);
  return process;
}

}  // namespace rollpoint::supervisor
