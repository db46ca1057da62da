#include "resources/process_state.h"

namespace rollpoint::resources {

using tracee::RemoteSyscalls;

namespace {

void append(std::vector<std::string>& to, std::vector<std::string> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

bool same_signals(const std::vector<siginfo_t>& a, const std::vector<siginfo_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const siginfo_t& x, const siginfo_t& y) { return x.si_signo == y.si_signo && x.si_code == y.si_code; });
}

}  // namespace

ProcessState read_process_state(tracee::Process& process, const ProcessState* before) {
  ProcessState state;
  {
    RemoteSyscalls remote(process);
    // Timers first: they are what goes on while we read.
    state.timers = read_timers(remote, process.pid());
    state.actions = read_signal_actions(remote);
  }
  state.pending = read_pending_signals(process);
  state.attributes = read_attributes(process, before ? &before->attributes : nullptr);
  state.descriptors = read_descriptors(process, before ? &before->descriptors : nullptr);
  return state;
}

std::vector<std::string> restore_process_state(tracee::Process& process, const ProcessState& wanted) {
  auto left = restore_descriptors(process, wanted.descriptors);
  append(left, restore_attributes(process, wanted.attributes));
  {
    RemoteSyscalls remote(process);
    restore_signal_actions(remote, wanted.actions);
    // A timer may fire between here and the resume; what it queues is taken out again below.
    append(left, restore_timers(remote, process.pid(), wanted.timers));
  }
  restore_pending_signals(process, wanted.pending);
  return left;
}

std::vector<std::string> compare_process_state(tracee::Process& process, const ProcessState& wanted) {
  auto result = compare_descriptors(process, wanted.descriptors);
  append(result, compare_attributes(process, wanted.attributes));
  RemoteSyscalls remote(process);
  if (read_signal_actions(remote) != wanted.actions) result.push_back("a signal action differs");
  const auto pending = read_pending_signals(process);
  bool equal = same_signals(pending.shared, wanted.pending.shared) && pending.of_thread.size() == wanted.pending.of_thread.size();
  for (auto& [tid, signals] : wanted.pending.of_thread) {
    auto it = pending.of_thread.find(tid);
    equal = equal && it != pending.of_thread.end() && same_signals(it->second, signals);
  }
  if (!equal) result.push_back("the pending signals differ");
  return result;
}

}  // namespace rollpoint::resources
