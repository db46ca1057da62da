// Rollback: brings the stopped process back to a snapshot, in place; and the check that it is there.
#pragma once

#include <string>

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

/// In words; empty where the process lets us read it.
std::string why_unreadable(const tracee::Process& process);

/// Everything that can be known to stand in the way, before anything is changed. Throws RollbackError.
void check_feasible(EngineState& state, const Snapshot& target);

/// What a rollback would not bring back; see Engine::foresee.
std::vector<Warning> foresee(EngineState& state, const Snapshot& target);

/// Refused where it is not feasible; `feasible`: that has just been found out. Throws RollbackError.
RollbackResult rollback(EngineState& state, SnapshotId id, const resources::Place& place = {}, bool feasible = false);

/// What can be looked at for next to nothing, after every rollback: registers and masks as the kernel has them, which
/// descriptors are open, a few of the pages `written`. Throws CodedError when it is not the snapshot; returns what is to be told.
std::vector<Warning> require_restored(EngineState& state, const Snapshot& target, std::span<const uint64_t> written);

/// Reads the process anew and compares it with the snapshot. At most a few dozen differences.
std::vector<Difference> verify(EngineState& state, const Snapshot& snapshot);

}  // namespace rollpoint::snapshot
