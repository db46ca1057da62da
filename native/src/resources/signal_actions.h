// The process's signal actions: what each signal does. Read and put back by remote calls.
#pragma once

#include <array>
#include <cstdint>

#include "tracee/inquiry.h"

namespace rollpoint::resources {

struct SignalAction {  // struct kernel_sigaction
  uint64_t handler = 0, flags = 0, restorer = 0, mask = 0;
  bool operator==(const SignalAction&) const = default;
};

/// Index: signal number - 1.
using SignalActions = std::array<SignalAction, 64>;

/// `actions` is whole once the inquiry has run, and stays where it is until then.
void ask_signal_actions(tracee::Inquiry& inquiry, SignalActions& actions);
/// Changes only those that differ from `now`.
void restore_signal_actions(tracee::RemoteSyscalls& remote, const SignalActions& now, const SignalActions& wanted);

}  // namespace rollpoint::resources
