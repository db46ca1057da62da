// One captured state of the process. Data only: it does not know the process it came from.
#pragma once

#include <sys/user.h>

#include <map>
#include <optional>
#include <vector>

#include "memory/maps.h"
#include "memory/page_table.h"
#include "snapshot/memory_attributes.h"
#include "resources/process_state.h"
#include "snapshot/saved_thread.h"
#include "snapshot/types.h"
#include "util/range_set.h"

namespace rollpoint::snapshot {

struct Snapshot {
  explicit Snapshot(memory::PageTable table) : pages(std::move(table)) {}

  SnapshotId id = 0;
  std::optional<SnapshotId> parent;
  pid_t tid = 0;
  std::vector<memory::Vma> maps;  // without special mappings and our own
  uint64_t program_break = 0;
  /// Read after the capture; nullopt when that failed.
  std::optional<MemoryAttributes> attributes;
  /// VmLck of /proc/PID/status: changes where mlock(2) does.
  std::string locked;
  std::vector<MappingPolicy> policies;
  /// Addresses of pages that hold content of the process's own. What lies outside reads as zero, or as the file.
  util::RangeSet held;
  /// Content of held pages; kInBase: in the twin.
  memory::PageTable pages;
  std::map<pid_t, SavedThread> threads;
  resources::ProcessState state;
  bool exact = true;
  std::vector<Warning> warnings;
};

}  // namespace rollpoint::snapshot
