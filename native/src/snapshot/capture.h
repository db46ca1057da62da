// Capture: one snapshot of the stopped process into the engine's tree.
#pragma once

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

/// Completes a first snapshot, if one is open: arms the write tracking and copies what the twin does not freeze. Takes
/// as long as the fork itself, so it is left for the time between the capture and whatever changes the process next:
/// a resume, a write, another capture. On failure the snapshot is lost, which `hooks.lost` tells.
void settle(EngineState& state);

CaptureResult capture(EngineState& state, const CaptureOptions& options);

}  // namespace rollpoint::snapshot
