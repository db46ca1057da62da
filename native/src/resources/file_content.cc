#include "resources/file_content.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "util/error.h"

namespace rollpoint::resources {

using memory::kPageSize;
using memory::PageId;
using memory::PageStore;
using memory::PageTable;
using memory::PageTablePool;

namespace {

constexpr size_t kChunk = 1 << 20;

// Where data begins at or after `offset`; `end` where nothing but a hole is left.
int64_t next_data(int fd, int64_t offset, int64_t end) {
  const off_t at = lseek(fd, offset, SEEK_DATA);
  if (at >= 0) return std::min<int64_t>(at, end);
  return errno == ENXIO ? end : offset;  // a file system without holes
}

size_t read_chunk(int fd, std::byte* out, size_t size, int64_t offset) {
  size_t got = 0;
  while (got < size) {
    const ssize_t n = pread(fd, out + got, size - got, offset + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw util::SysError("read a file", errno);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  // What lies behind the end of the file counts as zero.
  memset(out + got, 0, size - got);
  return got;
}

void write_all(int fd, const std::byte* data, size_t size, int64_t offset) {
  while (size) {
    const ssize_t n = pwrite(fd, data, size, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw util::SysError("write a file", errno);
    data += n;
    offset += n;
    size -= static_cast<size_t>(n);
  }
}

uint64_t blocks_of(int64_t size) { return (static_cast<uint64_t>(size) + kPageSize - 1) / kPageSize; }

// Calls fn(block, wanted content, length) for each block in which the file differs, until it returns false.
void for_each_other_block(PageTablePool& pool, int fd, const PageTable& wanted, int64_t size, const std::function<bool(uint64_t, const std::byte*, size_t)>& fn) {
  std::vector<std::byte> buffer(kChunk);
  const uint64_t end = blocks_of(size);
  const uint64_t step = kChunk / kPageSize;
  for (uint64_t first = 0; first < end; first += step) {
    const auto offset = static_cast<int64_t>(first * kPageSize);
    const uint64_t last = std::min(end, first + step);
    bool wants_data = false;
    wanted.for_each(first, last, [&](uint64_t, PageId) { wants_data = true; });
    if (!wants_data) {
      // Hole against hole: skipped at once, however large.
      const int64_t data = next_data(fd, offset, size);
      if (data >= static_cast<int64_t>(last * kPageSize) || data >= size) continue;
    }
    read_chunk(fd, buffer.data(), static_cast<size_t>(last - first) * kPageSize, offset);
    for (uint64_t block = first; block < last; ++block) {
      const size_t length = static_cast<size_t>(std::min<int64_t>(kPageSize, size - static_cast<int64_t>(block * kPageSize)));
      const std::byte* content = pool.store().data(wanted.find(block));
      if (memcmp(buffer.data() + (block - first) * kPageSize, content, length) != 0 && !fn(block, content, length)) return;
    }
  }
}

}  // namespace

PageTable read_blocks(PageTablePool& pool, int fd, int64_t size, const PageTable* before) {
  PageTable table = before ? *before : PageTable(pool);
  std::vector<std::byte> buffer(static_cast<size_t>(std::min<int64_t>(kChunk, static_cast<int64_t>(blocks_of(size) * kPageSize))));
  const uint64_t end = blocks_of(size);
  uint64_t block = 0;
  while (block < end) {
    const uint64_t data = static_cast<uint64_t>(next_data(fd, static_cast<int64_t>(block * kPageSize), size)) / kPageSize;
    const uint64_t next = data * kPageSize >= static_cast<uint64_t>(size) ? end : data;
    if (next > block) table.set_range(block, next, PageId::kInBase);
    block = next;
    if (block >= end) break;
    const uint64_t last = std::min(end, block + buffer.size() / kPageSize);
    read_chunk(fd, buffer.data(), static_cast<size_t>(last - block) * kPageSize, static_cast<int64_t>(block * kPageSize));
    for (size_t i = 0; block < last; ++block, ++i) {
      const PageId id = pool.store().insert_or_same(buffer.data() + i * kPageSize, table.find(block), PageId::kAbsent);
      table.set(block, memory::is_stored(id) ? id : PageId::kInBase);
    }
  }
  if (end < PageTable::kEndPage) table.set_range(end, PageTable::kEndPage, PageId::kInBase);
  return table;
}

uint64_t write_blocks(PageTablePool& pool, int fd, const PageTable& wanted, int64_t size, const PageTable* known) {
  struct stat now {};
  if (fstat(fd, &now) < 0) throw util::SysError("look at a file", errno);
  if (now.st_size != size && ftruncate(fd, size) < 0) throw util::SysError("set the size of a file", errno);
  uint64_t written = 0;
  auto put = [&](uint64_t block, const std::byte* content, size_t length) {
    write_all(fd, content, length, static_cast<int64_t>(block * kPageSize));
    written += length;
    return true;
  };
  if (!known) {
    for_each_other_block(pool, fd, wanted, size, put);
    return written;
  }
  std::vector<uint64_t> blocks;
  for_each_difference(*known, wanted, [&](uint64_t block, PageId, PageId) { blocks.push_back(block); });
  for (uint64_t block : blocks) {
    const auto offset = static_cast<int64_t>(block * kPageSize);
    if (offset < size) put(block, pool.store().data(wanted.find(block)), static_cast<size_t>(std::min<int64_t>(kPageSize, size - offset)));
  }
  return written;
}

std::shared_ptr<util::UniqueFd> clone_file(int fd, const std::string& folder) {
  util::UniqueFd clone(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!clone || ioctl(clone.get(), FICLONE, fd) < 0) return nullptr;
  return std::make_shared<util::UniqueFd>(std::move(clone));
}

namespace {

// Calls fn(offset, wanted content, length) for each piece in which two files differ, until it returns false.
void for_each_other_piece(int fd, int wanted, int64_t size, const std::function<bool(int64_t, const std::byte*, size_t)>& fn) {
  std::vector<std::byte> now(kChunk), then(kChunk);
  for (int64_t offset = 0; offset < size; offset += static_cast<int64_t>(kChunk)) {
    const auto length = static_cast<size_t>(std::min<int64_t>(kChunk, size - offset));
    read_chunk(fd, now.data(), length, offset);
    read_chunk(wanted, then.data(), length, offset);
    if (memcmp(now.data(), then.data(), length) != 0 && !fn(offset, then.data(), length)) return;
  }
}

}  // namespace

void put_clone(int fd, int clone, int64_t size) {
  // The end of the one must be that of the other, or lie at a block's (ioctl_ficlone(2)).
  if (ftruncate(fd, size) < 0) throw util::SysError("set the size of a file", errno);
  if (ioctl(fd, FICLONE, clone) == 0) return;
  for_each_other_piece(fd, clone, size, [&](int64_t offset, const std::byte* content, size_t length) {
    write_all(fd, content, length, offset);
    return true;
  });
}

bool equals_clone(int fd, int clone, int64_t size) {
  bool equal = true;
  for_each_other_piece(fd, clone, size, [&](int64_t, const std::byte*, size_t) { return equal = false; });
  return equal;
}

bool equals_blocks(PageTablePool& pool, int fd, const PageTable& wanted, int64_t size) {
  bool equal = true;
  for_each_other_block(pool, fd, wanted, size, [&](uint64_t, const std::byte*, size_t) { return equal = false; });
  return equal;
}

}  // namespace rollpoint::resources
