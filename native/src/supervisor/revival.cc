#include "supervisor/revival.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "supervisor/orphans.h"
#include "supervisor/pid_turn.h"
#include "supervisor/process_stat.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::Process;
using tracee::RemoteSyscalls;

namespace {

// Not ours to bury where we attached: a shell as init looks now and then.
constexpr int kPatience = 1000;  // milliseconds

// Where its parent was killed with it, somebody else has still to take note of its end.
void await_burial(pid_t id) {
  for (int i = 0; i < kPatience; ++i) {
    bury_orphans();
    const auto stat = read_process_stat(id);
    if (!stat || (stat->state != 'Z' && stat->state != 'X')) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

pid_t bear(Process& parent, const Birth& birth) {
  RemoteSyscalls remote(parent);
  clone_args arguments{};
  if (birth.plain_signals) arguments.flags |= CLONE_CLEAR_SIGHAND;
  arguments.exit_signal = static_cast<uint64_t>(birth.exit_signal);
  if (birth.id_inside) {
    if (!parent.nested()) await_burial(birth.id_inside);
    constexpr int kMoment = 20;  // milliseconds: somebody else's task may have it, often not for long
    for (int left = parent.nested() ? kPatience : kMoment; left > 0; --left) {
      try {
        return remote.clone3(arguments, birth.id_inside);
      } catch (const util::SysError& error) {
        if (error.error() == EPERM) break;
        if (error.error() != EEXIST) throw;
      }
      // The first process of its namespace buries there.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    constexpr int kAttempts = 8;  // somebody else may be quicker
    for (int i = 0; i < kAttempts && !parent.nested() && await_turn(birth.id_inside); ++i) {
      const pid_t born = remote.clone3(arguments);
      if (born == birth.id_inside) return born;
      kill(born, SIGKILL);
      while (WIFSTOPPED(parent.waiter().wait_for(born))) {
        // Its stop at birth.
      }
      reap(parent, born);
    }
  }
  return remote.clone3(arguments);
}

void end_as(Process& parent, pid_t child, int status) {
  const rlimit none{0, 0};
  prlimit(child, RLIMIT_CORE, &none, nullptr);
  int signal = 0;
  if (WIFSIGNALED(status)) {
    signal = WTERMSIG(status);
    uint64_t mask = 0;
    ptrace(PTRACE_SETSIGMASK, child, sizeof mask, &mask);
    if (signal == SIGKILL) kill(child, SIGKILL);
    else syscall(SYS_tgkill, child, child, signal);
  } else {
    arch::GeneralRegisters r;
    if (ptrace(PTRACE_GETREGS, child, nullptr, &r) < 0) throw util::SysError("PTRACE_GETREGS", errno);
    r.rip = RemoteSyscalls::spare_syscall(parent);
    r.rax = SYS_exit_group;
    r.rdi = static_cast<uint64_t>(WEXITSTATUS(status));
    r.orig_rax = static_cast<uint64_t>(-1);
    if (ptrace(PTRACE_SETREGS, child, nullptr, &r) < 0) throw util::SysError("PTRACE_SETREGS", errno);
  }
  for (int deliver = 0;;) {
    ptrace(PTRACE_CONT, child, nullptr, reinterpret_cast<void*>(static_cast<long>(deliver)));
    const int now = parent.waiter().wait_for(child);
    if (WIFEXITED(now) || WIFSIGNALED(now)) return;
    deliver = now >> 16 == 0 && signal && WSTOPSIG(now) == signal ? signal : 0;
  }
}

void stop_job(Process& process, Process* parent, bool told) {
  const pid_t pid = process.pid();
  syscall(SYS_tgkill, pid, pid, SIGSTOP);
  for (int deliver = 0;;) {
    if (ptrace(PTRACE_CONT, pid, nullptr, reinterpret_cast<void*>(static_cast<long>(deliver))) < 0) throw util::SysError("ptrace resume", errno);
    const int status = process.waiter().wait_for(pid);
    if (!WIFSTOPPED(status)) throw util::CodedError(util::kProcessGone, "It ended while Rollpoint worked on it.");
    process.at(pid).note_stop(status);
    if (status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP) break;
    deliver = status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP ? SIGSTOP : 0;
  }
  if (parent && told) RemoteSyscalls(*parent).call(SYS_wait4, static_cast<uint64_t>(process.id_inside(pid)), 0, WNOHANG | WUNTRACED, 0);
}

void continue_job(Process& process, Process* parent) {
  kill(process.pid(), SIGCONT);
  if (parent) RemoteSyscalls(*parent).call(SYS_wait4, static_cast<uint64_t>(process.id_inside(process.pid())), 0, WNOHANG | WCONTINUED, 0);
}

bool has_waited_for_stop(Process& parent, pid_t id_inside) {
  RemoteSyscalls remote(parent);
  siginfo_t info{};
  const auto at = remote.put(&info, sizeof info);
  if (remote.call(SYS_waitid, P_PID, static_cast<uint64_t>(id_inside), at, WSTOPPED | WNOHANG | WNOWAIT, 0) < 0) return false;
  remote.get(&info, sizeof info);
  return info.si_pid == 0;
}

void reap(Process& parent, pid_t id_inside) {
  RemoteSyscalls(parent).call(SYS_wait4, static_cast<uint64_t>(id_inside), 0, WNOHANG | __WALL, 0);
}

}  // namespace rollpoint::supervisor
