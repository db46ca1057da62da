// Locks that the debuggee holds on files: of the process (POSIX), of the open file (flock, OFD), leases.
// Knows descriptors as data; contents and names are for files.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct FileLock {
  enum class Kind { kProcess, kOpenFile, kWholeFile, kLease } kind = Kind::kProcess;
  bool exclusive = false;
  int64_t start = 0, length = 0;  // 0: to the end
  auto operator<=>(const FileLock&) const = default;
};

/// By the number of a descriptor that it was set through.
using FileLocks = std::map<int, std::vector<FileLock>>;

FileLocks read_file_locks(const tracee::Process& process, const DescriptorTable& descriptors);
/// A locked file, which may not be held, that was closed since: opened anew by its name, where that is still it.
util::UniqueFd reopen_locked(const Descriptor& wanted);
/// After the descriptors: closing any of a file's loses the locks of the process on it (fcntl_locking(2)).
util::Warnings restore_file_locks(tracee::Process& process, const DescriptorTable& descriptors, const FileLocks& wanted);
std::vector<std::string> compare_file_locks(const tracee::Process& process, const DescriptorTable& descriptors, const FileLocks& wanted);

}  // namespace rollpoint::resources
