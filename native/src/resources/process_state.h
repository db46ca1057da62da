// All that the kernel keeps for the process as a whole, one member per kind. The only header of resources/ that the
// snapshot engine needs.
#pragma once

#include <string>
#include <vector>

#include "resources/attributes.h"
#include "resources/descriptors.h"
#include "resources/pending_signals.h"
#include "resources/signal_actions.h"
#include "resources/timers.h"

namespace rollpoint::resources {

struct ProcessState {
  SignalActions actions{};
  PendingSignals pending;
  Timers timers;
  Attributes attributes;
  DescriptorTable descriptors;
};

/// `before`: of the parent snapshot, whose duplicates are shared.
ProcessState read_process_state(tracee::Process& process, const ProcessState* before);
/// In words, what could not be put back. Threads and layout are in place; memory follows.
std::vector<std::string> restore_process_state(tracee::Process& process, const ProcessState& wanted);
/// In words, how the live process differs. Timers run on and are not compared.
std::vector<std::string> compare_process_state(tracee::Process& process, const ProcessState& wanted);

}  // namespace rollpoint::resources
