#include "resources/signal_actions.h"

#include <sys/syscall.h>

#include <vector>

namespace rollpoint::resources {

using tracee::RemoteCall;

SignalActions read_signal_actions(tracee::RemoteSyscalls& remote) {
  std::vector<RemoteCall> calls;
  for (uint64_t signal = 1; signal <= 64; ++signal)
    calls.push_back({SYS_rt_sigaction, {signal, 0, remote.buffer() + (signal - 1) * sizeof(SignalAction), sizeof(uint64_t)}});
  remote.batch(calls);
  SignalActions actions;
  remote.get(actions.data(), sizeof actions);
  return actions;
}

void restore_signal_actions(tracee::RemoteSyscalls& remote, const SignalActions& wanted) {
  const auto now = read_signal_actions(remote);
  remote.put(wanted.data(), sizeof wanted);
  std::vector<RemoteCall> calls;
  for (uint64_t i = 0; i < 64; ++i)
    if (now[i] != wanted[i]) calls.push_back({SYS_rt_sigaction, {i + 1, remote.buffer() + i * sizeof(SignalAction), 0, sizeof(uint64_t)}});
  if (!calls.empty()) remote.batch(calls);
}

}  // namespace rollpoint::resources
