// What differs between two snapshots: mappings, bytes, descriptors, files. Equal stored pages are equal unseen.
// Data for whoever shows it; typed values are the debugger's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/types.h"
#include "util/range_set.h"

namespace rollpoint::snapshot {

class EngineState;
struct Snapshot;

enum class RegionChange { kAdded, kRemoved, kProtection, kChanged };
struct RegionDifference {
  util::Range range;
  std::string name;  // as in /proc/PID/maps
  RegionChange change = RegionChange::kChanged;
  std::string from, to;  // rights, "rw-p"; empty where it was not there
  uint64_t changed_bytes = 0, changed_pages = 0;
  std::vector<util::Range> ranges;  // of bytes, ascending; close ones joined
  bool truncated = false;           // there are more
};

struct DescriptorDifference {
  int number = 0;
  std::optional<std::string> from, to;  // in words; none where it was not open
};

struct FileDifference {
  std::string path;
  /// Whether it was there, and its bytes where they are known.
  bool was = false, is = false;
  std::optional<int64_t> from, to;
};

struct Differences {
  std::vector<RegionDifference> regions;
  std::vector<DescriptorDifference> descriptors;
  std::vector<FileDifference> files;
};

Differences find_differences(EngineState& state, const Snapshot& from, const Snapshot& to);

}  // namespace rollpoint::snapshot
