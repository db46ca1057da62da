#include "resources/pending_signals.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <utility>

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using tracee::Tracee;

namespace {

std::vector<siginfo_t> peek(const Tracee& tracee, bool shared) {
  std::vector<siginfo_t> result;
  for (;;) {
    siginfo_t batch[32];
    __ptrace_peeksiginfo_args arguments{};
    arguments.off = result.size();
    arguments.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0;
    arguments.nr = 32;
    const long count = ptrace(PTRACE_PEEKSIGINFO, tracee.tid(), &arguments, batch);
    if (count <= 0) return result;
    result.insert(result.end(), batch, batch + count);
  }
}

// rt_sigtimedwait takes a thread's own signals before the shared ones, so as many calls take just these.
void drain(Process& process, Tracee& tracee, size_t count) {
  if (!count) return;
  RemoteSyscalls remote(process, tracee);
  const uint64_t all = ~uint64_t{0};
  const timespec none{};
  const uint64_t set_at = remote.put(&all, sizeof all);
  const uint64_t timeout_at = remote.put(&none, sizeof none, 64);
  std::vector<RemoteCall> calls(count, RemoteCall{SYS_rt_sigtimedwait, {set_at, 0, timeout_at, sizeof all}});
  remote.batch(calls);
}

// Only the thread itself may queue a siginfo with a code of the kernel's (kernel/signal.c, do_rt_sigqueueinfo).
void queue(Process& process, Tracee& tracee, const std::vector<siginfo_t>& signals, bool shared) {
  if (signals.empty()) return;
  RemoteSyscalls remote(process, tracee);
  const auto pid = static_cast<uint64_t>(process.id_inside(process.pid())), tid = static_cast<uint64_t>(process.id_inside(tracee.tid()));
  const size_t room = remote.buffer_size() / sizeof(siginfo_t);
  for (size_t begin = 0; begin < signals.size(); begin += room) {
    const size_t end = std::min(signals.size(), begin + room);
    remote.put(&signals[begin], (end - begin) * sizeof(siginfo_t));
    std::vector<RemoteCall> calls;
    for (size_t i = begin; i < end; ++i) {
      const auto number = static_cast<uint64_t>(signals[i].si_signo);
      const uint64_t info = remote.buffer() + (i - begin) * sizeof(siginfo_t);
      if (shared) calls.push_back({SYS_rt_sigqueueinfo, {pid, number, info}});
      else calls.push_back({SYS_rt_tgsigqueueinfo, {pid, tid, number, info}});
    }
    remote.batch(calls);
  }
}

// A fault of the instruction that the thread is about to run again: it comes by itself, or not at all any more.
bool is_fault(const siginfo_t& info) {
  const int signal = info.si_signo;
  return info.si_code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGTRAP);
}

// A pending SIGTRAP would end the next remote call; only a debugger's own is ever seen pending.
void drop_traps(std::vector<siginfo_t>& signals) {
  std::erase_if(signals, [](const siginfo_t& info) { return info.si_signo == SIGTRAP || info.si_signo == SIGSTOP; });
}

}  // namespace

PendingSignals read_pending_signals(Process& process) {
  PendingSignals result;
  bool first = true;
  for (auto& [tid, tracee] : process.tracees()) {
    if (tracee->parked() || !tracee->stopped()) continue;
    if (std::exchange(first, false)) result.shared = peek(*tracee, true);
    auto own = peek(*tracee, false);
    // The signal of this very stop is no longer in the queue and not yet delivered.
    if (tracee->delivery_signal() && tracee->siginfo() && !is_fault(*tracee->siginfo())) own.insert(own.begin(), *tracee->siginfo());
    drop_traps(own);
    if (!own.empty()) result.of_thread.emplace(tid, std::move(own));
  }
  drop_traps(result.shared);
  return result;
}

void restore_pending_signals(Process& process, const PendingSignals& wanted) {
  bool first = true;
  for (auto& [tid, tracee] : process.tracees()) {
    if (tracee->parked() || !tracee->stopped()) continue;
    const size_t shared = std::exchange(first, false) ? peek(*tracee, true).size() : 0;
    drain(process, *tracee, peek(*tracee, false).size() + shared);
  }
  auto* leader = process.find(process.pid());
  if (leader && leader->stopped()) queue(process, *leader, wanted.shared, true);
  for (auto& [tid, signals] : wanted.of_thread) queue(process, process.at(tid), signals, false);
}

}  // namespace rollpoint::resources
