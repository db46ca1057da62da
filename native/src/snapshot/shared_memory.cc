#include "snapshot/shared_memory.h"

#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "tracee/remote_syscalls.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::Vma;
using tracee::RemoteSyscalls;
using util::RangeSet;

namespace {

bool is_memory(const Vma& vma) { return vma.is_shared_anonymous() || vma.is_sysv() || vma.is_memfd(); }

}  // namespace

bool is_nameless_file(const Vma& vma) {
  return vma.shared && vma.deleted() && !is_memory(vma) && !vma.path.starts_with("/anon_hugepage") && !vma.path.starts_with("/dev/hugepages/") && !(vma.path.starts_with("/dev/") && !vma.path.starts_with("/dev/shm/"));
}

namespace {

bool swap_is_in_use() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 && info.freeswap < info.totalswap;
}

// proc_pid_mountinfo(5): the third field is the device, the one behind " - " the type.
std::set<dev_t> file_systems_in_memory() {
  std::set<dev_t> result;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto type = line.find(" - ");
    unsigned major = 0, minor = 0;
    if (type == std::string::npos || sscanf(line.c_str(), "%*d %*d %u:%u", &major, &minor) != 2) continue;
    if (line.compare(type + 3, 5, "tmpfs") == 0 || line.compare(type + 3, 5, "ramfs") == 0) result.insert(makedev(major, minor));
  }
  return result;
}

// Up to the end of its file, beyond which no page can be read.
util::Range readable(tracee::Process& process, const Vma& vma) {
  auto can_read = [&](uint64_t address) {
    char byte;
    return process.memory().read(address, &byte, 1) == 1;
  };
  if (can_read(vma.end - kPageSize)) return vma.range();
  uint64_t end = 0, beyond = vma.bytes() / kPageSize;  // in pages
  while (end < beyond) {
    const uint64_t middle = (end + beyond) / 2;
    if (can_read(vma.start + middle * kPageSize)) end = middle + 1;
    else beyond = middle;
  }
  return {vma.start, vma.start + end * kPageSize};
}

// What is in the page cache (mincore(2)).
void add_cached(RemoteSyscalls& remote, const Vma& vma, RangeSet& result) {
  std::vector<unsigned char> there;
  const uint64_t most = remote.buffer_size() * kPageSize;
  for (uint64_t start = vma.start; start < vma.end; start += most) {
    const uint64_t size = std::min(most, vma.end - start);
    if (remote.call(SYS_mincore, start, size, remote.buffer()) < 0) break;
    there.resize(size / kPageSize);
    remote.get(there.data(), there.size());
    for (size_t i = 0; i < there.size(); ++i)
      if (there[i] & 1) result.add(start + i * kPageSize, start + (i + 1) * kPageSize);
  }
}

}  // namespace

RangeSet filled_shared_memory(tracee::Process& process, const std::vector<Vma>& maps, const std::function<bool(const Vma&)>& is_kept) {
  RangeSet result;
  std::optional<RemoteSyscalls> remote;
  std::optional<std::set<dev_t>> in_memory;
  bool may_be_swapped = false;
  for (auto& vma : maps) {
    if (!vma.shared) continue;
    if (is_nameless_file(vma)) {
      if (is_kept(vma)) continue;
      if (!in_memory) in_memory = file_systems_in_memory();
      if (!in_memory->contains(vma.device)) {
        const auto range = readable(process, vma);
        if (range.bytes()) result.add(range);
        continue;
      }
    } else if (!is_memory(vma)) {
      continue;
    }
    if (!remote) remote.emplace(process);
    add_cached(*remote, vma, result);
    may_be_swapped = true;
  }
  if (!may_be_swapped || !swap_is_in_use()) return result;
  // Nobody tells which pages of it: to read a hole there makes an empty page of it.
  for (auto& [start, end, flags, swapped] : memory::read_smaps_flags(process.pid())) {
    if (!swapped) continue;
    const Vma* vma = memory::find_vma(maps, start);
    if (vma && vma->shared && (is_memory(*vma) || (is_nameless_file(*vma) && !is_kept(*vma)))) result.add(readable(process, *vma));
  }
  return result;
}

RangeSet mapped_shared_memory(memory::Pagemap& pagemap, const std::vector<Vma>& maps) {
  RangeSet mapped;
  for (auto& vma : maps)
    if (is_memory(vma) || is_nameless_file(vma))
      for (auto& range : pagemap.mapped_ranges(vma.range())) mapped.add(range);
  return mapped;
}

std::vector<std::string> parted_views(const std::vector<Vma>& now, const std::vector<Vma>& wanted) {
  std::map<std::pair<dev_t, uint64_t>, std::vector<const Vma*>> views;
  for (auto& vma : wanted)
    if (vma.is_shared_anonymous()) views[{vma.device, vma.inode}].push_back(&vma);
  std::vector<std::string> result;
  for (auto& [object, places] : views) {
    std::set<uint64_t> objects;
    for (auto* place : places)
      if (auto* vma = memory::find_vma(now, place->start)) objects.insert(vma->inode);
    if (objects.size() < 2) continue;
    char text[64];
    snprintf(text, sizeof text, "%lx and %lx", places.front()->start, places.back()->start);
    result.push_back("The program had the same shared memory at " + std::string(text) + " and has unmapped it since; both have their contents again, but what is written at one place is not seen at the other.");
  }
  return result;
}

}  // namespace rollpoint::snapshot
