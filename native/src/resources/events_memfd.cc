#include "resources/events_memfd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "memory/maps.h"
#include "resources/fdinfo.h"

namespace rollpoint::resources {

using util::Range;
using util::RangeSet;

namespace {

constexpr uint64_t kChunk = 64 << 10;
constexpr uint64_t kMostContent = 256 << 20;
// A mapped one is read whole for each snapshot, since stores leave no trace in its times. The page table alone does not
// do: it lacks what was written by write(2) and never touched in memory.
constexpr uint64_t kMostMapped = 16 << 20;
// Kernels before 6.13 stamp files by the tick: what changed within one of them looks unchanged.
constexpr int64_t kStampGrain = 20'000'000;

using Chunk = std::shared_ptr<const std::vector<std::byte>>;

int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

// With an offset and access of our own, where the file's mode lets us.
util::UniqueFd open_again(const util::UniqueFd& fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  util::UniqueFd own(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!own) own.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return own;
}

std::map<ino_t, RangeSet> mapped_ranges(const tracee::Process& process) {
  std::map<ino_t, RangeSet> result;
  for (auto& vma : memory::read_maps(process.pid()))
    if (vma.shared && vma.is_memfd()) result[vma.inode].add({vma.offset, vma.offset + vma.bytes()});
  return result;
}

/// Offsets of the chunks that hold data.
std::vector<uint64_t> data_chunks(int fd, uint64_t size) {
  std::vector<uint64_t> result;
  for (off_t at = 0; static_cast<uint64_t>(at) < size;) {
    const off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0) break;
    off_t hole = lseek(fd, data, SEEK_HOLE);
    if (hole < 0) hole = static_cast<off_t>(size);
    uint64_t chunk = static_cast<uint64_t>(data) / kChunk * kChunk;
    if (!result.empty() && chunk <= result.back()) chunk = result.back() + kChunk;
    for (; chunk < static_cast<uint64_t>(hole); chunk += kChunk) result.push_back(chunk);
    at = hole;
  }
  return result;
}

bool read_chunk(int fd, uint64_t at, std::vector<std::byte>& content) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t got = pread(fd, content.data() + done, content.size() - done, static_cast<off_t>(at + done));
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

struct Opened {
  util::UniqueFd fd;
  struct stat info {};
  int seals = 0;
};

Opened open_memfd(const tracee::Process& process, int number) {
  Opened result;
  const auto borrowed = borrow(process, number);
  if (!borrowed || fstat(borrowed.get(), &result.info) < 0) return result;
  result.seals = fcntl(borrowed.get(), F_GET_SEALS);
  result.fd = open_again(borrowed);
  return result;
}

bool unchanged(const struct stat& info, const Memfd& memfd) {
  return memfd.kept && !memfd.is_mapped && static_cast<uint64_t>(info.st_size) == memfd.size && nanoseconds(info.st_mtim) == nanoseconds(memfd.modified) &&
         nanoseconds(info.st_ctim) == nanoseconds(memfd.changed) && nanoseconds(memfd.read) - nanoseconds(memfd.changed) > kStampGrain;
}

// False where it cannot be read.
bool read_content(int fd, Memfd& memfd, const Memfd* before) {
  for (uint64_t at : data_chunks(fd, memfd.size)) {
    const uint64_t end = std::min(at + kChunk, memfd.size);
    if (memfd.mapped.covers({at, end})) continue;
    auto content = std::make_shared<std::vector<std::byte>>(end - at);
    if (!read_chunk(fd, at, *content)) return false;
    Chunk chunk = std::move(content);
    if (before)
      if (auto it = before->chunks.find(at); it != before->chunks.end() && *it->second == *chunk) chunk = it->second;
    memfd.chunks.emplace(at, std::move(chunk));
  }
  return true;
}

// Visits each chunk where the file and `wanted` differ: offset, content (null: a hole), size. Stops where `visit` says false.
template <class Visit>
bool for_each_difference(int fd, const Memfd& wanted, Visit visit) {
  std::set<uint64_t> offsets;
  for (uint64_t at : data_chunks(fd, wanted.size)) offsets.insert(at);
  for (auto& [at, content] : wanted.chunks) offsets.insert(at);
  for (uint64_t at : offsets) {
    const uint64_t size = std::min(kChunk, wanted.size - at);
    const auto it = wanted.chunks.find(at);
    if (it == wanted.chunks.end() && wanted.mapped.covers({at, at + size})) continue;
    std::vector<std::byte> now(size);
    if (!read_chunk(fd, at, now)) return false;
    const bool same = it != wanted.chunks.end() ? now == *it->second : std::all_of(now.begin(), now.end(), [](std::byte b) { return b == std::byte{0}; });
    if (!same && !visit(at, it == wanted.chunks.end() ? nullptr : it->second->data(), size)) return false;
  }
  return true;
}

bool write_content(int fd, const Memfd& wanted) {
  return for_each_difference(fd, wanted, [&](uint64_t at, const std::byte* content, uint64_t size) {
    if (content) return pwrite(fd, content, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at), static_cast<off_t>(size)) == 0;
  });
}

std::string describe(const Memfd& memfd) { return "memory file \"" + memfd.name + "\" (descriptor " + std::to_string(memfd.number) + ")"; }

bool was_sealed(const Opened& opened, const Memfd& memfd) { return opened.seals >= 0 && memfd.seals >= 0 && (opened.seals & ~memfd.seals); }

util::Warning not_put_back(const Memfd& memfd, int error) {
  return {"memfd", "The content of the " + describe(memfd) + " could not be put back: " + std::string(strerror(error)) + "."};
}

util::Warning sealed(const Memfd& memfd) { return {"memfd", "The " + describe(memfd) + " was sealed since; seals cannot be taken off again."}; }

}  // namespace

bool is_memfd(const Descriptor& descriptor) { return descriptor.kind == DescriptorKind::kFile && descriptor.target.starts_with("/memfd:"); }

bool holds_all(const Memfds& memfds, ino_t inode) {
  const auto it = memfds.find(inode);
  return it != memfds.end() && it->second.kept && it->second.mapped.empty();
}

Memfds read_memfds(const tracee::Process& process, const DescriptorTable& table, const Memfds* before, util::Warnings& warnings) {
  Memfds result;
  std::map<ino_t, RangeSet> mapped;
  for (auto& [number, descriptor] : table) {
    if (!is_memfd(descriptor) || result.contains(descriptor.inode)) continue;
    if (result.empty()) mapped = mapped_ranges(process);
    Memfd memfd;
    memfd.number = number;
    memfd.name = descriptor.target.substr(7, descriptor.target.rfind(" (deleted)") - 7);
    const auto ranges = mapped.find(descriptor.inode);
    memfd.is_mapped = ranges != mapped.end();
    clock_gettime(CLOCK_REALTIME_COARSE, &memfd.read);
    const auto opened = open_memfd(process, number);
    memfd.size = static_cast<uint64_t>(opened.info.st_size);
    memfd.modified = opened.info.st_mtim;
    memfd.changed = opened.info.st_ctim;
    memfd.seals = opened.seals;
    if (memfd.is_mapped && memfd.size > kMostMapped) memfd.mapped = ranges->second;
    const Memfd* earlier = nullptr;
    if (before)
      if (auto it = before->find(descriptor.inode); it != before->end()) earlier = &it->second;
    struct statfs system {};
    const uint64_t unmapped = memfd.mapped.empty() ? memfd.size : util::subtract(RangeSet{Range{0, memfd.size}}, memfd.mapped).bytes();
    if (!opened.fd) {
      warnings.push_back({"memfd", "The " + describe(memfd) + " cannot be opened: its content is not rolled back."});
    } else if (memfd.size == 0 || unmapped == 0) {
      memfd.kept = true;
    } else if (fstatfs(opened.fd.get(), &system) == 0 && system.f_type == HUGETLBFS_MAGIC) {
      warnings.push_back({"memfd", "The " + describe(memfd) + " is made of huge pages: what is not mapped of it is not rolled back."});
    } else if (unmapped > kMostContent) {
      warnings.push_back({"memfd", "The " + describe(memfd) + " is larger than 256 MiB and not mapped: its content is not rolled back."});
    } else if (earlier && !memfd.is_mapped && unchanged(opened.info, *earlier)) {
      memfd.chunks = earlier->chunks;
      memfd.kept = true;
    } else {
      memfd.kept = read_content(opened.fd.get(), memfd, earlier);
      if (!memfd.kept) warnings.push_back({"memfd", "The " + describe(memfd) + " could not be read: its content is not rolled back."});
    }
    result.emplace(descriptor.inode, std::move(memfd));
  }
  return result;
}

util::Warnings foresee_memfds(const tracee::Process& process, const Memfds& wanted) {
  util::Warnings left;
  for (auto& [inode, memfd] : wanted) {
    const auto opened = open_memfd(process, memfd.number);
    if (!opened.fd || opened.info.st_ino != inode || !was_sealed(opened, memfd)) continue;
    left.push_back(sealed(memfd));
    if (!memfd.kept || unchanged(opened.info, memfd)) continue;
    const auto size = static_cast<uint64_t>(opened.info.st_size);
    bool stays = (size < memfd.size && opened.seals & F_SEAL_GROW) || (size > memfd.size && opened.seals & F_SEAL_SHRINK);
    if (!stays && opened.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) for_each_difference(opened.fd.get(), memfd, [&](uint64_t, const std::byte*, uint64_t) { return !(stays = true); });
    if (stays) left.push_back(not_put_back(memfd, EPERM));
  }
  return left;
}

util::Warnings restore_memfds(const tracee::Process& process, const Memfds& wanted) {
  util::Warnings left;
  for (auto& [inode, memfd] : wanted) {
    const auto opened = open_memfd(process, memfd.number);
    if (!opened.fd || opened.info.st_ino != inode) continue;
    const int fd = opened.fd.get();
    if (was_sealed(opened, memfd)) left.push_back(sealed(memfd));
    if (!memfd.kept || unchanged(opened.info, memfd)) continue;
    const bool sized = static_cast<uint64_t>(opened.info.st_size) == memfd.size || ftruncate(fd, static_cast<off_t>(memfd.size)) == 0;
    if (!sized || !write_content(fd, memfd)) left.push_back(not_put_back(memfd, errno));
    // Access time as it is now, modification time as it was: the program may look at it.
    const timespec times[2] = {{0, UTIME_OMIT}, memfd.modified};
    futimens(fd, times);
  }
  return left;
}

std::vector<std::string> compare_memfds(const tracee::Process& process, const Memfds& wanted) {
  std::vector<std::string> result;
  for (auto& [inode, memfd] : wanted) {
    const auto opened = open_memfd(process, memfd.number);
    if (!opened.fd || opened.info.st_ino != inode) continue;
    if (opened.seals != memfd.seals) result.push_back("the seals of the " + describe(memfd) + " differ");
    if (static_cast<uint64_t>(opened.info.st_size) != memfd.size) {
      result.push_back("the size of the " + describe(memfd) + " differs");
      continue;
    }
    bool differs = false;
    if (memfd.kept) for_each_difference(opened.fd.get(), memfd, [&](uint64_t, const std::byte*, uint64_t) { return !(differs = true); });
    if (differs) result.push_back("the content of the " + describe(memfd) + " differs");
  }
  return result;
}

}  // namespace rollpoint::resources
