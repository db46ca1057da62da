// Finds out what this kernel and this user can do, by trying it on a child process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/types.h"

namespace rollpoint::supervisor {

struct XstateComponent {
  unsigned component, offset, size;
};

struct Capabilities {
  std::string kernel, architecture;
  bool ptrace = false, userfaultfd = false, pagemap_scan = false, pidfd_getfd = false, set_tid = false;
  std::optional<int> yama_scope;
  snapshot::TrackerKind tracker = snapshot::TrackerKind::kCompare;
  std::vector<std::string> lacks;
  std::vector<XstateComponent> xstate;
  uint64_t xcr0 = 0;
};

Capabilities probe();

}  // namespace rollpoint::supervisor
