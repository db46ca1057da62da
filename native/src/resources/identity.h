// What a process may do and where it belongs: users, capabilities, filters, process group, session, root, namespaces.
// Most of it goes one way only: what cannot be put back is told, and refused beforehand where going on would be dangerous.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tracee/process.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct Standing {
  std::array<unsigned, 4> users{}, groups{};  // real, effective, saved, file system
  std::vector<unsigned> supplementary;
  uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;  // capabilities
  bool no_new_privileges = false;
  int seccomp = 0, filters = 0;
  pid_t group = 0, session = 0;
  std::pair<dev_t, ino_t> root;
  std::map<std::string, ino_t> namespaces;
  bool operator==(const Standing&) const = default;
};

Standing read_identity(const tracee::Process& process);
/// Why the process must not be rolled back to `wanted`, in words; empty: it may. Changes nothing.
std::vector<std::string> identity_obstacles(const tracee::Process& process, const Standing& wanted);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_identity(const tracee::Process& process, const Standing& wanted);
/// What could not be put back.
util::Warnings restore_identity(tracee::Process& process, const Standing& wanted);
std::vector<std::string> compare_identity(const tracee::Process& process, const Standing& wanted);

}  // namespace rollpoint::resources
