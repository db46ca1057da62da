// What memory was at a snapshot, for whoever looks at it while the process stays as it is. Reads only: the page store, the
// twin, mapped files, and of the process what no rollback changes.
#pragma once

#include <optional>
#include <vector>

#include "snapshot/engine_state.h"

namespace rollpoint::snapshot {

class PageReader {
 public:
  PageReader(EngineState& state, const Snapshot& snapshot) : state_(state), snapshot_(snapshot) {}

  /// 4096 bytes, as they would read after a rollback. False where there was no memory.
  bool read(uint64_t page, std::byte* out);
  /// Fewer than `size` where memory ended.
  size_t read(uint64_t address, std::byte* out, size_t size);

 private:
  bool read_kernels_own(uint64_t page, std::byte* out);
  bool read_file(const memory::Vma& vma, uint64_t page, std::byte* out);
  const std::vector<memory::Vma>& live_maps();

  EngineState& state_;
  const Snapshot& snapshot_;
  std::optional<std::vector<memory::Vma>> live_maps_;
};

}  // namespace rollpoint::snapshot
