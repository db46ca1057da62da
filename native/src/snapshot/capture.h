// Capture: one snapshot of the stopped process into the engine's tree.
#pragma once

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

CaptureResult capture(EngineState& state, const CaptureOptions& options);

}  // namespace rollpoint::snapshot
