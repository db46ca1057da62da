// Switches of the process as a whole that have a getter and a setter: prctl(2), personality, and files of /proc/PID.
// What can only be switched on is told where it cannot be switched off again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tracee/inquiry.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct Controls {
  std::vector<int64_t> switches;  // in the order of the table in controls.cc; negative: this kernel has none
  std::string oom_score_adjust, core_filter;
  /// Not state: somebody else may be reading what the process reads.
  bool has_children = false;
};

/// `controls` is whole once the inquiry has run, and stays where it is until then.
void ask_controls(tracee::Inquiry& inquiry, pid_t pid, Controls& controls);
/// What could not be put back.
util::Warnings restore_controls(tracee::RemoteSyscalls& remote, pid_t pid, const Controls& now, const Controls& wanted);
std::vector<std::string> compare_controls(const Controls& now, const Controls& wanted);

}  // namespace rollpoint::resources
