#include "resources/process_state.h"

#include "resources/protection_keys.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteSyscalls;

namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

bool same_signals(const std::vector<siginfo_t>& a, const std::vector<siginfo_t>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const siginfo_t& x, const siginfo_t& y) { return x.si_signo == y.si_signo && x.si_code == y.si_code; });
}

/// What one stop of the process tells.
struct Answers {
  Answers(Process& process, RemoteSyscalls& remote) {
    tracee::Inquiry inquiry(remote);
    // Timers first: they are what goes on while we read.
    ask_timers(inquiry, process.pid(), timers);
    ask_signal_actions(inquiry, actions);
    ask_controls(inquiry, process.pid(), controls);
    ask_protection_keys(inquiry, has_keys);
    inquiry.run();
  }
  Answers(const Answers&) = delete;

  Timers timers;
  SignalActions actions{};
  Controls controls;
  bool has_keys = false;
};

}  // namespace

ProcessState read_process_state(tracee::Process& process, const ProcessState* before, const ReadOptions& options, util::Warnings& warnings) {
  ProcessState state;
  {
    RemoteSyscalls remote(process);
    Answers answers(process, remote);
    state.timers = std::move(answers.timers);
    state.actions = answers.actions;
    state.controls = std::move(answers.controls);
    if (answers.has_keys) warnings.push_back({"protectionKeys", "The program protects memory with keys (pkey_alloc): which memory has which key is not rolled back."});
  }
  state.pending = read_pending_signals(process);
  const auto status = process.hold_status();
  state.identity = read_identity(process);
  state.attributes = read_attributes(process, before ? &before->attributes : nullptr);
  state.descriptors = read_descriptors(process, before ? &before->descriptors : nullptr);
  state.terminals = read_terminals(process, state.descriptors, !state.controls.has_children);
  state.events = read_events(process, state.descriptors, before ? &before->events : nullptr, warnings);
  state.system_v = read_system_v(process, before ? &before->system_v : nullptr, warnings);
  state.message_queues = read_message_queues(state.descriptors, warnings);
  const Holder holder{&process, &state.descriptors};
  if (!options.streams_elsewhere) state.streams = read_streams({&holder, 1}, warnings);
  if (options.rewind_files && options.files) {
    state.files = options.files->capture(process, state.descriptors, *options.maps, warnings);
    take_own_events(process, state.events.inotifies);
  }
  state.locks = read_file_locks(process, state.descriptors);
  state.owners = read_owners(process, state.descriptors);
  return state;
}

std::vector<std::string> process_state_obstacles(const tracee::Process& process, const ProcessState& wanted) {
  auto result = identity_obstacles(process, wanted.identity);
  // A look that may need remote system calls is no more to be had then.
  if (result.empty()) append(result, event_obstacles(process, wanted.descriptors, wanted.events));
  return result;
}

util::Warnings foresee_process_state(const tracee::Process& process, const ProcessState& wanted) {
  auto left = foresee_identity(process, wanted.identity);
  append(left, foresee_attributes(process, wanted.attributes));
  append(left, foresee_memfds(process, wanted.events.memfds));
  append(left, foresee_system_v(wanted.system_v));
  append(left, foresee_message_queues(wanted.descriptors, wanted.message_queues));
  return left;
}

util::Warnings restore_process_state(tracee::Process& process, const ProcessState& wanted, const Place& place) {
  // What only a duplicate would bring back, and we may not hold one.
  const Holder holder{&process, &wanted.descriptors};
  StreamsRollback own({&holder, 1}, wanted.streams);
  StreamsRollback& streams = place.streams ? *place.streams : own;
  const Recreate recreate = [&](int number, const Descriptor& descriptor) {
    if (descriptor.pinned()) return streams.files.reopen(wanted.descriptors, descriptor);
    if (descriptor.kind == DescriptorKind::kTerminal) return recreate_master(wanted.terminals, number);
    if (descriptor.kind == DescriptorKind::kEvent) return recreate_event(wanted.events, descriptor);
    if (auto fd = streams.recreate(place.holder, descriptor)) return fd;
    return reopen_locked(descriptor);
  };
  const Recognise recognise = [&](int number, const Descriptor& descriptor) {
    if (descriptor.pinned()) return streams.files.recognise(process, number, wanted.descriptors, descriptor);
    if (descriptor.kind == DescriptorKind::kEvent) return recognise_event(process, number, wanted.events, descriptor);
    if (descriptor.kind == DescriptorKind::kPipe) return recognise_pipe_end(process, number, descriptor);
    return Likeness::kSame;  // the inode's number is part of what /proc says
  };
  auto left = restore_descriptors(process, wanted.descriptors, recreate, recognise);
  streams.files.note(process, wanted.descriptors);
  if (!place.streams) append(left, own.finish());
  append(left, restore_file_locks(process, wanted.descriptors, wanted.locks));
  append(left, restore_events(process, wanted.descriptors, wanted.events));
  append(left, restore_owners(process, wanted.descriptors, wanted.owners));
  append(left, restore_attributes(process, wanted.attributes));
  append(left, restore_identity(process, wanted.identity));
  {
    RemoteSyscalls remote(process);
    const Answers now(process, remote);
    append(left, restore_controls(remote, process.pid(), now.controls, wanted.controls));
    restore_signal_actions(remote, now.actions, wanted.actions);
    // A timer may fire between here and the resume; what it queues is taken out again below.
    append(left, restore_timers(remote, now.timers, wanted.timers));
  }
  append(left, restore_terminals(process, wanted.descriptors, wanted.terminals, !wanted.controls.has_children));
  append(left, restore_system_v(process, wanted.system_v));
  append(left, restore_message_queues(wanted.descriptors, wanted.message_queues));
  append(left, restore_watchers(process, wanted.descriptors, wanted.events));
  restore_pending_signals(process, wanted.pending);
  return left;
}

void rename_thread(ProcessState& state, pid_t from, pid_t to) {
  if (auto node = state.pending.of_thread.extract(from)) {
    node.key() = to;
    state.pending.of_thread.insert(std::move(node));
  }
  for (pid_t* named : {&state.terminals.foreground, &state.identity.group, &state.identity.session})
    if (*named == from) *named = to;
  for (auto& [number, owner] : state.owners)
    if (owner.id == from) owner.id = to;
  for (auto& [number, target] : state.events.pidfds)
    if (target.start && target.pid == from) target.pid = to;  // else it stood for nobody already
}

std::vector<std::string> compare_process_state(tracee::Process& process, const ProcessState& wanted) {
  auto result = compare_descriptors(process, wanted.descriptors);
  append(result, compare_file_locks(process, wanted.descriptors, wanted.locks));
  append(result, compare_owners(process, wanted.descriptors, wanted.owners));
  append(result, compare_events(process, wanted.events));
  const Holder holder{&process, &wanted.descriptors};
  append(result, compare_streams({&holder, 1}, wanted.streams));
  append(result, compare_attributes(process, wanted.attributes));
  append(result, compare_identity(process, wanted.identity));
  append(result, compare_terminals(process, wanted.descriptors, wanted.terminals));
  append(result, compare_system_v(process, wanted.system_v));
  append(result, compare_message_queues(wanted.descriptors, wanted.message_queues));
  RemoteSyscalls remote(process);
  const Answers now(process, remote);
  append(result, compare_controls(now.controls, wanted.controls));
  append(result, compare_timers(now.timers, wanted.timers));
  if (now.actions != wanted.actions) result.push_back("a signal action differs");
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
