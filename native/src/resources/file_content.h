// The content of one regular file at one moment, in blocks shared with other moments; reading it from a file and
// writing back what differs. Knows no names and no process.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "memory/page_table.h"
#include "resources/extended_attributes.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

struct FileVersion {
  /// By block of 4096 bytes; what is not in the table is zero. None: kept as a clone, or not at all, see `why_not`.
  std::optional<memory::PageTable> blocks;
  /// A file without a name that shares its blocks with this one on the disk (FICLONE), where that is so.
  std::shared_ptr<util::UniqueFd> clone;
  bool kept() const { return blocks || clone; }
  /// In words, after "The contents of F do not come back: ".
  std::string why_not;
  /// Size, mode, owner and times as they are to be put back.
  struct stat info {};
  ExtendedAttributes extended;
};

/// Blocks that equal those of `before` are shared with it. Throws SysError.
memory::PageTable read_blocks(memory::PageTablePool& pool, int fd, int64_t size, const memory::PageTable* before);
/// Writes the blocks of `wanted` that differ from the file's, and its size. `known`: what the file is known to hold,
/// which saves reading it. Returns the bytes written. Throws SysError.
uint64_t write_blocks(memory::PageTablePool& pool, int fd, const memory::PageTable& wanted, int64_t size, const memory::PageTable* known);
/// Shares the blocks of the file with a new one, in `folder` of the same file system but without a name. Null where the file
/// system cannot. What was not written to the disk yet is written first.
std::shared_ptr<util::UniqueFd> clone_file(int fd, const std::string& folder);
/// The content of `clone` becomes the file's. Throws SysError.
void put_clone(int fd, int clone, int64_t size);
bool equals_clone(int fd, int clone, int64_t size);
/// Throws SysError where the file cannot be read.
bool equals_blocks(memory::PageTablePool& pool, int fd, const memory::PageTable& wanted, int64_t size);

}  // namespace rollpoint::resources
