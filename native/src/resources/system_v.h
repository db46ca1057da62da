// System V IPC: semaphore sets, message queues, the ids of shared memory segments. They belong to the machine, not to a
// process, so only what the program itself has changed is put back. Contents of attached segments are memory.
#pragma once

#include <sys/ipc.h>
#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory/maps.h"
#include "tracee/remote_syscalls.h"
#include "util/range_set.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct SystemVObject {
  key_t key = IPC_PRIVATE;
  unsigned mode = 0;
  bool ours = false;                                    // the program has made or used it
  bool foreign = false;                                 // a process outside, still alive, was among the last to use it
  std::vector<unsigned short> values;                   // of a semaphore set
  std::vector<std::pair<long, std::string>> messages;   // of a queue: type and text
  uint64_t limit = 0;                                   // of a queue, bytes; of a segment: its size
  bool removed = false, attached = false;               // of a segment: ends with its last mapping; is mapped by the program
  std::shared_ptr<std::string> content;                 // of a segment that the program uses and has not attached now
};

struct SystemV {
  std::map<int, SystemVObject> sets, queues, segments;  // by id
};

/// `before`: of the parent snapshot; contents that are the same are shared with it.
SystemV read_system_v(const tracee::Process& process, const SystemV* before, util::Warnings& warnings);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_system_v(const SystemV& wanted);
/// What could not be put back. The layout is in place.
util::Warnings restore_system_v(tracee::Process& process, const SystemV& wanted);
std::vector<std::string> compare_system_v(const tracee::Process& process, const SystemV& wanted);

/// True where a process that is none of `pids` maps the segment too. 0 is no process.
bool attached_elsewhere(int id, std::initializer_list<pid_t> pids);
/// Makes segments stay out of the process's next clone, whose attachments the program would count (shm_nattch); gives
/// them for `let_into_clones`. Nothing where there are none.
std::vector<util::Range> keep_out_of_clones(tracee::RemoteSyscalls& remote, pid_t pid);
void let_into_clones(tracee::RemoteSyscalls& remote, const std::vector<util::Range>& segments);
/// Maps a piece of a segment again, as it was. One that has been removed since is made anew, under its id where we may
/// choose; otherwise it ends with the mapping, like one whose id nobody knows. Throws SysError.
void attach_segment(tracee::RemoteSyscalls& remote, const memory::Vma& vma, uint64_t start, uint64_t size);

}  // namespace rollpoint::resources
