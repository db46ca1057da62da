// Rollback: brings the stopped process back to a snapshot, in place; and the check that it is there.
#pragma once

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

/// Everything that can be known to stand in the way, before anything is changed. Throws RollbackError.
void check_feasible(EngineState& state, const Snapshot& target);

/// Throws RollbackError.
RollbackResult rollback(EngineState& state, SnapshotId id, const resources::Place& place = {});

/// Reads the process anew and compares it with the snapshot. At most a few dozen differences.
std::vector<Difference> verify(EngineState& state, const Snapshot& snapshot);

}  // namespace rollpoint::snapshot
