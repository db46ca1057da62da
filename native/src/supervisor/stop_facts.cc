#include "supervisor/stop_facts.h"

#include <linux/kcmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace rollpoint::supervisor {

using tracee::Tracee;

namespace {
std::string task_path(pid_t pid, pid_t tid) { return "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid); }
}  // namespace

bool is_thread_of(pid_t pid, pid_t tid) { return access(task_path(pid, tid).c_str(), F_OK) == 0; }

bool is_zombie(pid_t pid) {
  std::ifstream file(task_path(pid, pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return true;
  const auto end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && (text[end + 2] == 'Z' || text[end + 2] == 'X');
}

bool share_memory(pid_t a, pid_t b) { return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0; }

pid_t event_message(pid_t tid) {
  unsigned long message = 0;
  ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message);
  return static_cast<pid_t>(message);
}

bool is_birth(int event) {
  return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

bool is_call_stop(int status) { return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | 0x80); }

bool at_call_instruction(tracee::Process& process, Tracee& tracee) {
  uint8_t bytes[arch::kSyscallLength];
  return process.memory().read(tracee.pc(), bytes, sizeof bytes) == sizeof bytes && bytes[0] == 0x0f && bytes[1] == 0x05;
}

bool is_before_call(pid_t tid) {
  __ptrace_syscall_info info{};
  return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

bool is_breakpoint_code(const Tracee& tracee) {
  if (!tracee.siginfo()) return false;
  const int code = tracee.siginfo()->si_code;
  return code == SI_KERNEL || code == TRAP_BRKPT;  // int3 shows as SI_KERNEL on x86
}

// The kernel reports an interrupt before a breakpoint or step that the thread has met already (get_signal()).
bool has_pending_trap(pid_t tid) {
  __ptrace_peeksiginfo_args query{};
  query.nr = 8;
  siginfo_t pending[8];
  const long count = ptrace(PTRACE_PEEKSIGINFO, tid, &query, pending);
  for (long i = 0; i < count; ++i)
    if (pending[i].si_signo == SIGTRAP && pending[i].si_code > 0) return true;
  return false;
}

// A SIGTRAP of the processor's must not be taken for one that was sent.
bool was_sent_by_us(const Tracee& tracee, int signal) {
  return tracee.pass_signal == signal && (signal != SIGTRAP || (tracee.siginfo() && tracee.siginfo()->si_code == SI_TKILL));
}

// A fault that was ignored or blocked has had its action reset by then (kernel/signal.c, force_sig_info_to_task).
bool is_fatal(const tracee::Process& process, int signal) {
  switch (signal) {
    case SIGCHLD: case SIGCONT: case SIGURG: case SIGWINCH: case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU: return false;
    default: break;
  }
  const auto names = [&](const char* field) {
    const auto text = process.status_field(field);
    return !text.empty() && (std::stoull(text, nullptr, 16) >> (signal - 1) & 1);
  };
  return !names("SigCgt") && !names("SigIgn");
}

}  // namespace rollpoint::supervisor
