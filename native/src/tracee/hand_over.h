// Gives the debuggee a descriptor of ours where no name leads to it: SCM_RIGHTS over a socket pair of the moment.
#pragma once

#include "tracee/process.h"

namespace rollpoint::tracee {

/// Its number there, close-on-exec; negative: -errno. The caller closes it.
int64_t hand_over(Process& process, int fd);

}  // namespace rollpoint::tracee
