#include "resources/events_foreign.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <fstream>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr const char* kRing = "anon_inode:[io_uring]";
constexpr const char* kFaults = "anon_inode:[userfaultfd]";
constexpr const char* kAioRing = "/[aio] (deleted)";

RingProgress progress(const tracee::Process& process, int number) {
  const FdInfo info(process, number);
  return {static_cast<uint32_t>(info.number("CachedSqHead")), static_cast<uint32_t>(info.number("CachedCqTail"))};
}

bool is_held_elsewhere(const std::string& target) {
  for (const char* name : {"[eventfd]", "[timerfd]", "[signalfd]", "[eventpoll]", "inotify", "[pidfd]"})
    if (target == std::string("anon_inode:") + name) return true;
  return false;
}

// What has no driver with a state of its own is of another kind (descriptors.cc).
bool is_device(const tracee::Process& process, int number, const Descriptor& descriptor) {
  if (descriptor.kind != DescriptorKind::kOther || descriptor.flags & O_PATH) return false;
  struct stat info {};
  return stat(("/proc/" + std::to_string(process.pid()) + "/fd/" + std::to_string(number)).c_str(), &info) == 0 && (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode));
}

}  // namespace

Rings read_foreign(const tracee::Process& process, const DescriptorTable& table, util::Warnings& warnings) {
  Rings rings;
  for (auto& [number, descriptor] : table) {
    if (descriptor.shares_with == number && is_device(process, number, descriptor))
      warnings.push_back({"device", "The device " + descriptor.target + " (descriptor " + std::to_string(number) + ") stays as it is: what it keeps, and the kernel for it, is not rolled back."});
    if (descriptor.kind != DescriptorKind::kEvent || descriptor.shares_with != number || is_held_elsewhere(descriptor.target)) continue;
    const std::string which = "descriptor " + std::to_string(number);
    if (descriptor.target == kRing) {
      rings[number] = progress(process, number);
      warnings.push_back({"ioUring", "io_uring is active (" + which + "): its rings stay as they are. Once it has worked on, this snapshot can no longer be restored."});
    } else if (descriptor.target == kFaults) {
      warnings.push_back({"userfaultfd", "The program handles page faults itself (userfaultfd, " + which + "): its registrations and faults in progress stay as they are."});
    } else if (descriptor.target == "anon_inode:[fanotify]") {
      warnings.push_back({"fanotify", "The fanotify " + which + " stays as it is: marks and unread events are not rolled back."});
    } else {
      const std::string name = descriptor.target.substr(descriptor.target.find(':') + 1);
      warnings.push_back({"event", "The " + which + " (" + name + ") stays as it is; what the kernel keeps behind it is not rolled back."});
    }
  }
  return rings;
}

std::vector<std::string> ring_obstacles(const tracee::Process& process, const DescriptorTable& table, const Rings& wanted) {
  std::vector<std::string> result;
  for (auto& [number, then] : wanted) {
    struct stat info {};
    const bool open = stat(("/proc/" + std::to_string(process.pid()) + "/fd/" + std::to_string(number)).c_str(), &info) == 0 && info.st_ino == table.at(number).inode;
    if (!open) result.push_back("The program has closed its io_uring (descriptor " + std::to_string(number) + ") since, which cannot be made again.");
    else if (progress(process, number) != then) result.push_back("The program's io_uring (descriptor " + std::to_string(number) + ") has worked since; what it has done cannot be taken back.");
  }
  return result;
}

AioContexts read_aio(const tracee::Process& process, util::Warnings& warnings) {
  // Of the whole system: where nobody uses AIO, nobody has to look for it.
  uint64_t in_use = 1;
  std::ifstream("/proc/sys/fs/aio-nr") >> in_use;
  AioContexts contexts;
  if (!in_use) return contexts;
  for (auto& vma : memory::read_maps(process.pid()))
    if (vma.path == kAioRing) contexts.insert(vma.start);
  if (!contexts.empty()) warnings.push_back({"aio", "Linux AIO is in use: requests in flight and results that nobody has fetched stay as they are."});
  return contexts;
}

util::Warnings restore_foreign(tracee::Process& process, const DescriptorTable& table, const AioContexts& wanted) {
  util::Warnings left;
  std::vector<RemoteCall> calls;
  auto gone = wanted;
  for (auto& vma : memory::read_maps(process.pid())) {
    if (vma.path == kAioRing && !gone.erase(vma.start)) calls.push_back({SYS_io_destroy, {vma.start}});
    if (vma.path != kRing) continue;
    const bool known = std::any_of(table.begin(), table.end(), [&](auto& entry) { return entry.second.inode == vma.inode && entry.second.target == kRing; });
    if (!known) calls.push_back({SYS_munmap, {vma.start, vma.bytes()}});
  }
  if (!calls.empty()) RemoteSyscalls(process).batch(calls);
  if (!gone.empty()) left.push_back({"aio", "The program has ended a context of Linux AIO since, which does not come back."});
  return left;
}

void provide_pages(const tracee::Process& process, const DescriptorTable& table, const std::vector<memory::Vma>& maps, const util::RangeSet& ranges) {
  if (ranges.empty()) return;
  for (auto& [number, descriptor] : table) {
    if (descriptor.target != kFaults || descriptor.shares_with != number) continue;
    const auto fd = borrow(process, number);
    for (auto& vma : maps) {
      if (!ranges.overlaps(vma.range())) continue;
      for (auto& range : util::intersect(ranges, util::RangeSet{vma.range()})) {
        // Refused where the range is not one of its own.
        uffdio_zeropage request{};
        request.range = {range.start, range.bytes()};
        ioctl(fd.get(), UFFDIO_ZEROPAGE, &request);
      }
    }
  }
}

}  // namespace rollpoint::resources
