// Values that the snapshot engine hands out. No behaviour, no process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/warning.h"

namespace rollpoint::snapshot {

using SnapshotId = uint32_t;

using util::Warning;

struct CaptureOptions {
  pid_t tid = 0;  // current thread, remembered
  bool rewind_files = true;
  uint64_t file_limit = 0;  // bytes of file contents kept at most; 0: as before
  /// Child processes are somebody else's to capture: they are no reason for a warning.
  bool children_are_held = false;
};

struct CaptureResult {
  SnapshotId id = 0;
  std::optional<SnapshotId> parent;
  uint64_t bytes = 0, pages = 0;
  double pause_micros = 0;
  std::vector<pid_t> threads;
  bool exact = true;
  std::vector<Warning> warnings;
};

/// A thread that came back under another id than it had; inside the debuggee it has the old one.
struct RenamedThread {
  pid_t from, to;
};

struct RollbackResult {
  double micros = 0;
  uint64_t pages_written = 0;
  pid_t tid = 0;
  std::vector<RenamedThread> renamed;
  std::vector<Warning> warnings;
};

struct RebuildResult {
  SnapshotId id = 0;
  RollbackResult rollback;
};

struct Stats {
  uint64_t snapshots = 0, pages = 0, bytes = 0, twin_bytes = 0;
  double settle_micros = 0;  // completing the last first snapshot, after its capture
};

/// One thing that `verify` found to differ: what ("memory", "registers" …) and where.
struct Difference {
  std::string what, message;
};

enum class TrackerKind { kUserfaultfd, kCompare };

}  // namespace rollpoint::snapshot
