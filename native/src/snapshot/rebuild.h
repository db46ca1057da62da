// A snapshot in a fresh body: the process that it was taken of has been killed, and a new one becomes it.
#pragma once

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

/// Once after a first snapshot, in nobody's pause: what is meant for the debuggee and its group must not hit the twin.
void step_aside(EngineState& state);

/// The debuggee is gone, and reaped. Its frozen twin, which has its memory and still shares its descriptors, gives birth to
/// another process that takes its place, with the id that it had where ids may be chosen. The debuggee object stays the
/// same, `renamed` says what it is called now. Throws RollbackError, in words, where it cannot be done; no process is
/// left then.
RollbackResult rebuild(EngineState& state, SnapshotId id);

/// Where threads could not get their ids back: the ids that the C library keeps in memory are those that they have now.
void correct_thread_ids(EngineState& state, const Snapshot& target);

}  // namespace rollpoint::snapshot
