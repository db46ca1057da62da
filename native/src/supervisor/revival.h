// Makes processes of the tree anew inside their real parent, and takes ended ones away unseen by it.
// Fills no memory: that is the engine's.
#pragma once

#include <sys/types.h>

#include "tracee/process.h"

namespace rollpoint::supervisor {

struct Birth {
  pid_t id_inside = 0;  // wanted; the kernel may refuse
  int exit_signal = 0;
  bool plain_signals = false;  // every signal action as at the start of a program
};

/// A copy of `parent`, stopped before it has run. Its id is another than wanted where the kernel lets nobody choose.
/// Throws SysError.
pid_t bear(tracee::Process& parent, const Birth& birth);
/// Lets a fresh copy end as `status` says (wait(2)): a zombie for `parent` from then on.
void end_as(tracee::Process& parent, pid_t child, int status);
/// Stops a process as a signal would (job control), or lets it go on. `told`: its parent has waited for that.
void stop_job(tracee::Process& process, tracee::Process* parent, bool told);
void continue_job(tracee::Process& process, tracee::Process* parent);
/// Whether the parent has waited for the stop of the process.
bool has_waited_for_stop(tracee::Process& parent, pid_t id_inside);
/// Takes a zombie away in its parent.
void reap(tracee::Process& parent, pid_t id_inside);

}  // namespace rollpoint::supervisor
