#include "resources/signal_actions.h"

#include <sys/syscall.h>

#include <vector>

namespace rollpoint::resources {

using tracee::RemoteCall;

void ask_signal_actions(tracee::Inquiry& inquiry, SignalActions& actions) {
  const uint64_t at = inquiry.room(actions.data(), sizeof actions);
  for (uint64_t signal = 1; signal <= actions.size(); ++signal)
    inquiry.call({SYS_rt_sigaction, {signal, 0, at + (signal - 1) * sizeof(SignalAction), sizeof(uint64_t)}});
}

void restore_signal_actions(tracee::RemoteSyscalls& remote, const SignalActions& now, const SignalActions& wanted) {
  if (now == wanted) return;
  remote.put(wanted.data(), sizeof wanted);
  std::vector<RemoteCall> calls;
  for (uint64_t i = 0; i < wanted.size(); ++i)
    if (now[i] != wanted[i]) calls.push_back({SYS_rt_sigaction, {i + 1, remote.buffer() + i * sizeof(SignalAction), 0, sizeof(uint64_t)}});
  remote.batch(calls);
}

}  // namespace rollpoint::resources
