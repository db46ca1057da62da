// The content of one regular file at one moment, in blocks shared with other moments; reading it from a file and
// writing back what differs. Knows no names and no process.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

#include "memory/page_table.h"

namespace rollpoint::resources {

struct FileVersion {
  /// By block of 4096 bytes; what is not in the table is zero. None: not kept, see `why_not`.
  std::optional<memory::PageTable> blocks;
  /// In words, after "The contents of F do not come back: ".
  std::string why_not;
  /// Size, mode, owner and times as they are to be put back.
  struct stat info {};
};

/// Blocks that equal those of `before` are shared with it. Throws SysError.
memory::PageTable read_blocks(memory::PageTablePool& pool, int fd, int64_t size, const memory::PageTable* before);
/// Writes the blocks of `wanted` that differ from the file's, and its size. `known`: what the file is known to hold,
/// which saves reading it. Returns the bytes written. Throws SysError.
uint64_t write_blocks(memory::PageTablePool& pool, int fd, const memory::PageTable& wanted, int64_t size, const memory::PageTable* known);
/// Throws SysError where the file cannot be read.
bool equals_blocks(memory::PageTablePool& pool, int fd, const memory::PageTable& wanted, int64_t size);

}  // namespace rollpoint::resources
