// Threads that came back under another id of the kernel's: snapshots are about the same thread, by its new id.
#pragma once

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

/// In every snapshot. The debuggee itself sees no change: inside its pid namespace the id is the old one. Another thread that
/// was called `to` is gone, and called as is returned from here on.
pid_t rename_thread(EngineState& state, pid_t from, pid_t to);

}  // namespace rollpoint::snapshot
