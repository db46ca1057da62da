#include "resources/descriptor_owners.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteSyscalls;

namespace {

// Of others the flag tells: a lease sets it, and nothing else that an ordinary file or a directory does is told by a signal.
bool may_be_told(const Descriptor& descriptor) {
  if (descriptor.flags & O_PATH) return false;
  switch (descriptor.kind) {
    case DescriptorKind::kPipe: case DescriptorKind::kSocket: case DescriptorKind::kTerminal: case DescriptorKind::kEvent: return true;
    default: return descriptor.flags & O_ASYNC;
  }
}

DescriptorOwner read_owner(const Process& process, int number) {
  DescriptorOwner owner;
  const auto fd = borrow(process, number);
  f_owner_ex who{};
  if (!fd || fcntl(fd.get(), F_GETOWN_EX, &who) < 0) return owner;
  // In our own pid namespace; 0 too where its owner has gone.
  if (who.pid) owner.type = who.type, owner.id = who.pid;
  owner.signal = fcntl(fd.get(), F_GETSIG);
  owner.told = fcntl(fd.get(), F_GETFL) & O_ASYNC;
  return owner;
}

DescriptorOwner owner_of(const DescriptorOwners& owners, int number) {
  const auto it = owners.find(number);
  return it == owners.end() ? DescriptorOwner{} : it->second;
}

// Whom the debuggee names so; 0 where that is not to be had.
pid_t name_inside(const Process& process, pid_t id) { return process.nested() ? tracee::id_inside("/proc/" + std::to_string(id)) : id; }

}  // namespace

DescriptorOwners read_owners(const Process& process, const DescriptorTable& table) {
  DescriptorOwners owners;
  for (auto& [number, descriptor] : table) {
    if (descriptor.shares_with != number || !may_be_told(descriptor)) continue;
    if (const auto owner = read_owner(process, number); owner != DescriptorOwner{}) owners.emplace(number, owner);
  }
  return owners;
}

util::Warnings restore_owners(Process& process, const DescriptorTable& table, const DescriptorOwners& wanted) {
  util::Warnings left;
  std::vector<std::pair<int, DescriptorOwner>> differ;
  for (auto& [number, descriptor] : table) {
    if (descriptor.shares_with != number || !(may_be_told(descriptor) || wanted.contains(number))) continue;
    if (const auto now = read_owner(process, number); now != owner_of(wanted, number)) differ.emplace_back(number, now);
  }
  if (differ.empty()) return left;
  RemoteSyscalls remote(process);
  for (auto& [number, now] : differ) {
    const auto then = owner_of(wanted, number);
    const auto fd = static_cast<uint64_t>(number);
    auto set_told = [&](bool on) {
      const int64_t flags = remote.call(SYS_fcntl, fd, F_GETFL);
      // Made by the debuggee: the signal names the number by which this was asked for (fasync, fs/fcntl.c).
      if (flags >= 0) remote.call(SYS_fcntl, fd, F_SETFL, (static_cast<uint64_t>(flags) & ~uint64_t{O_ASYNC}) | (on ? O_ASYNC : 0));
    };
    if (now.told && !then.told) set_told(false);
    f_owner_ex who{};
    who.type = static_cast<decltype(who.type)>(then.id ? then.type : F_OWNER_PID);
    who.pid = then.id ? name_inside(process, then.id) : 0;
    const bool named = !then.id || who.pid;
    if ((now.id != then.id || now.type != then.type) && (!named || remote.call(SYS_fcntl, fd, F_SETOWN_EX, remote.put(&who, sizeof who)) < 0)) {
      remote.call(SYS_fcntl, fd, F_SETOWN, 0);
      left.push_back({"descriptorOwner", "What happens at descriptor " + std::to_string(number) + " was told by a signal to " + (then.type == F_OWNER_TID ? "a thread" : then.type == F_OWNER_PGRP ? "a process group" : "a process") + " that is not there any more; now nobody is told."});
    }
    if (now.signal != then.signal) remote.call(SYS_fcntl, fd, F_SETSIG, static_cast<uint64_t>(then.signal));
    if (!now.told && then.told) set_told(true);
  }
  return left;
}

std::vector<std::string> compare_owners(const Process& process, const DescriptorTable& table, const DescriptorOwners& wanted) {
  std::vector<std::string> result;
  for (auto& [number, descriptor] : table)
    if (descriptor.shares_with == number && (may_be_told(descriptor) || wanted.contains(number)) && read_owner(process, number) != owner_of(wanted, number))
      result.push_back("Who is told of descriptor " + std::to_string(number) + " by a signal differs.");
  return result;
}

Unheard::Unheard(const Process& process, int number) : fd_(borrow(process, number)) {
  f_owner_ex owner{};
  if (!fd_ || fcntl(fd_.get(), F_GETOWN_EX, &owner) < 0 || owner.pid == 0) return;
  type_ = static_cast<int>(owner.type), id_ = owner.pid;
  fcntl(fd_.get(), F_SETOWN, 0);
}

Unheard::~Unheard() {
  if (!fd_ || id_ == 0) return;
  f_owner_ex owner{};
  owner.type = static_cast<decltype(owner.type)>(type_), owner.pid = id_;
  fcntl(fd_.get(), F_SETOWN_EX, &owner);
}

}  // namespace rollpoint::resources
