#include "snapshot/peek.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "util/unique_fd.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::PageId;
using memory::Vma;

namespace {

uint64_t offset_in_file(const Vma& vma, uint64_t address) { return vma.offset + (address - vma.start); }

/// Named by a path that can be opened, as opposed to memory without a file.
bool has_file(const Vma& vma) { return vma.is_file() && !vma.is_shared_anonymous() && !vma.is_memfd() && !vma.is_sysv(); }

}  // namespace

size_t PageReader::read(uint64_t address, std::byte* out, size_t size) {
  std::byte page[kPageSize];
  size_t done = 0;
  while (done < size) {
    const uint64_t at = address + done;
    if (at < address || memory::page_number(at) >= memory::PageTable::kEndPage || !read(memory::page_number(at), page)) break;
    const size_t skipped = at % kPageSize, part = std::min(size - done, kPageSize - skipped);
    memcpy(out + done, page + skipped, part);
    done += part;
  }
  return done;
}

bool PageReader::read(uint64_t page, std::byte* out) {
  const uint64_t address = memory::page_address(page);
  const Vma* vma = find_vma(snapshot_.maps, address);
  if (!vma) return read_kernels_own(page, out);
  if (is_device(*vma)) {
    // Stays what it is in a rollback.
    return state_.process.memory().read(address, out, kPageSize) == kPageSize;
  }
  if (!snapshot_.held.contains(address)) {
    if (vma->is_file() && !vma->is_shared_anonymous()) return read_file(*vma, page, out);
    memset(out, 0, kPageSize);
    return true;
  }
  const PageId id = snapshot_.pages.find(page);
  if (id != PageId::kInBase) {
    memcpy(out, state_.store.data(id), kPageSize);
    return true;
  }
  if (!state_.twin) return false;
  // From outside: to let it copy into the window would be a write for the debuggee's thread, too.
  state_.twin->read_from_outside({&page, 1}, out, state_.background);
  return true;
}

// Mappings that no snapshot is about, and no rollback touches: vdso and its like.
bool PageReader::read_kernels_own(uint64_t page, std::byte* out) {
  const uint64_t address = memory::page_address(page);
  const Vma* vma = find_vma(live_maps(), address);
  return vma && vma->is_special() && state_.process.memory().read(address, out, kPageSize) == kPageSize;
}

bool PageReader::read_file(const Vma& vma, uint64_t page, std::byte* out) {
  const uint64_t address = memory::page_address(page), offset = offset_in_file(vma, address);
  const resources::FileId id{vma.device, vma.inode};
  // What the program has written to its files since is rolled back, too.
  if (state_.hooks.files->read_block(snapshot_.state.files, id, offset / kPageSize, out)) return true;
  if (has_file(vma)) {
    const std::string path = "/proc/" + std::to_string(state_.process.pid()) + "/root" + vma.file_path();
    util::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat info;
    if (file && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_ino == vma.inode) {
      const ssize_t size = pread(file.get(), out, kPageSize, static_cast<off_t>(offset));
      // Beyond the last page of the file a read is a bus error.
      if (size <= 0) return false;
      memset(out + size, 0, kPageSize - static_cast<size_t>(size));
      return true;
    }
  }
  // Deleted, replaced by a new build, or not readable for us: the process has it mapped still.
  for (const Vma& live : live_maps()) {
    if (live.device != vma.device || live.inode != vma.inode || offset < live.offset || offset >= live.offset + live.bytes()) continue;
    const uint64_t there = live.start + (offset - live.offset);
    memory::PagemapEntry entry;
    const bool own = !live.shared && state_.pagemap && state_.pagemap->read_entries(memory::page_number(there), 1, &entry) == 1 && (entry.swapped() || (entry.present() && !entry.file()));
    if (!own && state_.process.memory().read(there, out, kPageSize) == kPageSize) return true;
  }
  return false;
}

const std::vector<Vma>& PageReader::live_maps() {
  if (!live_maps_) live_maps_ = memory::read_maps(state_.process.pid());
  return *live_maps_;
}

}  // namespace rollpoint::snapshot
