// What a process has besides memory and descriptors: working directory, umask, soft limits.
#pragma once

#include <sys/resource.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tracee/process.h"
#include "util/unique_fd.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct Attributes {
  /// O_PATH: survives that the directory is renamed or removed.
  std::shared_ptr<util::UniqueFd> directory;
  unsigned umask = 0;
  /// nullopt where the process has become another user, whose limits are not ours to look at.
  std::array<std::optional<rlimit>, RLIM_NLIMITS> limits{};
};

Attributes read_attributes(const tracee::Process& process, const Attributes* before);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_attributes(const tracee::Process& process, const Attributes& wanted);
/// What could not be put back.
util::Warnings restore_attributes(tracee::Process& process, const Attributes& wanted);
/// In words, how the live process differs.
std::vector<std::string> compare_attributes(const tracee::Process& process, const Attributes& wanted);

}  // namespace rollpoint::resources
