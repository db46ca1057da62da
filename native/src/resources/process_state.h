// All that the kernel keeps for the process as a whole, one member per kind. The only header of resources/ that the
// snapshot engine needs.
#pragma once

#include <string>
#include <vector>

#include "util/warning.h"
#include "resources/attributes.h"
#include "resources/controls.h"
#include "resources/descriptor_owners.h"
#include "resources/descriptors.h"
#include "resources/events.h"
#include "resources/file_locks.h"
#include "resources/files.h"
#include "resources/identity.h"
#include "resources/message_queues.h"
#include "resources/pending_signals.h"
#include "resources/signal_actions.h"
#include "resources/streams.h"
#include "resources/system_v.h"
#include "resources/terminal.h"
#include "resources/timers.h"

namespace rollpoint::resources {

struct ProcessState {
  SignalActions actions{};
  PendingSignals pending;
  Timers timers;
  Attributes attributes;
  Controls controls;
  Standing identity;
  DescriptorTable descriptors;
  DescriptorOwners owners;
  Events events;
  Terminals terminals;
  SystemV system_v;
  MessageQueues message_queues;
  Streams streams;  // empty where it is read for a whole tree
  FilesState files;
  FileLocks locks;
};

struct ReadOptions {
  /// Contents of files that the program may write are kept, not only offsets.
  bool rewind_files = true;
  FileJournal* files = nullptr;
  const std::vector<memory::Vma>* maps = nullptr;
  /// Streams are read for all processes of a tree together.
  bool streams_elsewhere = false;
};

/// The place of a process in the rollback of a tree, whose streams come back together.
struct Place {
  StreamsRollback* streams = nullptr;  // null: it is alone
  size_t holder = 0;
};

/// `before`: of the parent snapshot, whose duplicates are shared. What cannot be held goes to `warnings`: each of them
/// makes the snapshot inexact.
ProcessState read_process_state(tracee::Process& process, const ProcessState* before, const ReadOptions& options, util::Warnings& warnings);
/// Sentences that say why this state cannot be put back. Changes nothing.
std::vector<std::string> process_state_obstacles(const tracee::Process& process, const ProcessState& wanted);
/// What a rollback to this state would not bring back, as far as that can be told before. Changes nothing.
util::Warnings foresee_process_state(const tracee::Process& process, const ProcessState& wanted);
/// What could not be put back. Threads and layout are in place; memory follows.
util::Warnings restore_process_state(tracee::Process& process, const ProcessState& wanted, const Place& place = {});
/// A thread, or the process by its leader, came back under another id.
void rename_thread(ProcessState& state, pid_t from, pid_t to);
/// In words, how the live process differs. Timers run on and are not compared.
std::vector<std::string> compare_process_state(tracee::Process& process, const ProcessState& wanted);

}  // namespace rollpoint::resources
