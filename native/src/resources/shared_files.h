// Files that several processes of a tree have open, together with one offset or each with its own: found at a capture, and
// so again after a rollback, whichever process still had it. Knows only those of which no duplicate is held (Descriptor::pinned).
#pragma once

#include <map>
#include <utility>

#include "resources/stream_ends.h"

namespace rollpoint::resources {

/// Which open file description, by table of the snapshot and the lowest number in it.
using SharedFiles = std::map<std::pair<const DescriptorTable*, int>, int>;

SharedFiles find_shared_files(Holders holders);

/// One rollback's: what the first process has, the others get.
class SharedFilesRollback {
 public:
  explicit SharedFilesRollback(const SharedFiles& files) : files_(files) {}
  /// See Recreate and Recognise.
  util::UniqueFd reopen(const DescriptorTable& table, const Descriptor& wanted) const;
  Likeness recognise(const tracee::Process& process, int number, const DescriptorTable& table, const Descriptor& wanted) const;
  /// With the table of `process` in place.
  void note(const tracee::Process& process, const DescriptorTable& table);

 private:
  /// Where another process has it already; else -1.
  int find(const DescriptorTable& table, const Descriptor& wanted) const;

  const SharedFiles& files_;
  std::map<int, util::UniqueFd> found_;
};

}  // namespace rollpoint::resources
