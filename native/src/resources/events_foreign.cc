#include "resources/events_foreign.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "memory/maps.h"
#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr const char* kRing = "anon_inode:[io_uring]";

RingProgress progress(const tracee::Process& process, int number) {
  const FdInfo info(process, number);
  return {static_cast<uint32_t>(info.number("CachedSqHead")), static_cast<uint32_t>(info.number("CachedCqTail"))};
}

bool is_held_elsewhere(const std::string& target) {
  for (const char* name : {"[eventfd]", "[timerfd]", "[signalfd]", "[eventpoll]", "inotify", "[pidfd]"})
    if (target == std::string("anon_inode:") + name) return true;
  return false;
}

}  // namespace

Rings read_foreign(const tracee::Process& process, const DescriptorTable& table, util::Warnings& warnings) {
  Rings rings;
  for (auto& [number, descriptor] : table) {
    if (descriptor.kind != DescriptorKind::kEvent || descriptor.shares_with != number || is_held_elsewhere(descriptor.target)) continue;
    const std::string which = "descriptor " + std::to_string(number);
    if (descriptor.target == kRing) {
      rings[number] = progress(process, number);
      warnings.push_back({"ioUring", "io_uring is active (" + which + "): its rings stay as they are. Once it has worked on, this snapshot can no longer be restored."});
    } else if (descriptor.target == "anon_inode:[userfaultfd]") {
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

void remove_rings(tracee::Process& process, const DescriptorTable& table) {
  std::vector<RemoteCall> calls;
  for (auto& vma : memory::read_maps(process.pid())) {
    if (vma.path != kRing) continue;
    const bool known = std::any_of(table.begin(), table.end(), [&](auto& entry) { return entry.second.inode == vma.inode && entry.second.target == kRing; });
    if (!known) calls.push_back({SYS_munmap, {vma.start, vma.bytes()}});
  }
  if (!calls.empty()) RemoteSyscalls(process).batch(calls);
}

}  // namespace rollpoint::resources
