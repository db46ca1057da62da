#include "resources/shared_files.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "resources/held_files.h"
#include "resources/sharing.h"

namespace rollpoint::resources {

namespace {

struct Place {
  const Holder* holder;
  int number;
  long compare(const Place& other) const { return syscall(SYS_kcmp, holder->process->pid(), other.holder->process->pid(), KCMP_FILE, number, other.number); }
};

}  // namespace

SharedFiles find_shared_files(Holders holders) {
  SharedFiles result;
  if (holders.size() < 2) return result;
  std::map<ObjectKey, std::vector<Place>> places;
  for (auto& holder : holders)
    for (auto& [number, descriptor] : *holder.table)
      if (descriptor.pinned() && descriptor.shares_with == number) places[{descriptor.device, descriptor.inode}].push_back({&holder, number});
  int next = 0;
  for (auto& [inode, all] : places) {
    if (all.size() < 2) continue;
    for (auto& group : group_equal(all.size(), [&](size_t a, size_t b) { return all[a].compare(all[b]); })) {
      ++next;
      for (size_t i : group) result[{all[i].holder->table, all[i].number}] = next;
    }
  }
  return result;
}

int SharedFilesRollback::find(const DescriptorTable& table, const Descriptor& wanted) const {
  const auto which = files_.find({&table, wanted.shares_with});
  if (which == files_.end()) return -1;
  const auto it = found_.find(which->second);
  return it == found_.end() ? -1 : it->second.get();
}

util::UniqueFd SharedFilesRollback::reopen(const DescriptorTable& table, const Descriptor& wanted) const {
  const int there = find(table, wanted);
  return there < 0 ? reopen_pinned(wanted) : util::UniqueFd(fcntl(there, F_DUPFD_CLOEXEC, 0));
}

Likeness SharedFilesRollback::recognise(const tracee::Process& process, int number, const DescriptorTable& table, const Descriptor& wanted) const {
  auto is_at = [&](int ours) { return syscall(SYS_kcmp, process.pid(), getpid(), KCMP_FILE, number, ours) == 0; };
  bool alike = false;
  if (const int there = find(table, wanted); there >= 0) alike = is_at(there);
  // Two that are one now, since the one process has the other's.
  else alike = is_alike_pinned(process, number, wanted) && std::none_of(found_.begin(), found_.end(), [&](auto& entry) { return is_at(entry.second.get()); });
  return alike ? Likeness::kSame : Likeness::kOther;
}

void SharedFilesRollback::note(const tracee::Process& process, const DescriptorTable& table) {
  if (files_.empty()) return;
  for (auto& [number, descriptor] : table) {
    const auto which = files_.find({&table, number});
    if (which == files_.end() || found_.contains(which->second)) continue;
    if (auto fd = duplicate_of(process, number)) found_.emplace(which->second, std::move(fd));
  }
}

}  // namespace rollpoint::resources
