// Processes of the program whose parent has ended: they become children of this process, and are buried here. Init may
// come late to bury them, in a container perhaps never, and a number is free only then.
// Must not touch what Node has started: that is of this process's own session, the program never is.
#pragma once

#include <sys/types.h>

namespace rollpoint::supervisor {

/// From now on, for the whole of this process (PR_SET_CHILD_SUBREAPER).
void adopt_orphans();
/// Those that have ended. One that is traced is left to its tracer.
void bury_orphans();

}  // namespace rollpoint::supervisor
