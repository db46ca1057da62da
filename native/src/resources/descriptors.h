// The descriptor table: which numbers are open, on what, at which offset; putting that back.
// Contents of files, pipes and sockets are not its business; what it cannot put back it says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tracee/remote_syscalls.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

/// An open file description that we keep a duplicate of, so that it survives being closed.
struct HeldFile {
  util::UniqueFd fd;
};

enum class DescriptorKind { kFile, kDirectory, kTerminal, kDevice, kPipe, kSocket, kEvent, kOther };

struct Descriptor {
  DescriptorKind kind = DescriptorKind::kOther;
  std::string target;  // as /proc/PID/fd/N reads
  int64_t offset = 0;
  int flags = 0;  // open(2) flags, with O_CLOEXEC
  std::shared_ptr<HeldFile> held;  // null where holding would change the program's world
  bool writable() const;
};

using DescriptorTable = std::map<int, Descriptor>;

/// `before`: table of the parent snapshot, whose duplicates are shared where the description is the same.
DescriptorTable read_descriptors(tracee::Process& process, const DescriptorTable* before);
/// In words, what could not be put back.
std::vector<std::string> restore_descriptors(tracee::Process& process, const DescriptorTable& wanted);
/// In words, how the live table differs.
std::vector<std::string> compare_descriptors(tracee::Process& process, const DescriptorTable& wanted);

}  // namespace rollpoint::resources
