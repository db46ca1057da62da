#include "resources/stream_ends.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

namespace rollpoint::resources {

using util::UniqueFd;

namespace {

// Each number with the file that it is open on.
template <class Visit>
void each_open(const std::string& pid, Visit visit) {
  const std::string folder = "/proc/" + pid + "/fd";
  DIR* directory = opendir(folder.c_str());
  if (!directory) return;
  while (dirent* entry = readdir(directory)) {
    struct stat info {};
    if (entry->d_name[0] != '.' && fstatat(dirfd(directory), entry->d_name, &info, 0) == 0) visit(atoi(entry->d_name), info);
  }
  closedir(directory);
}

template <class Wanted>
std::vector<StreamEnd> ends_if(Holders holders, DescriptorKind kind, Wanted wanted) {
  std::vector<StreamEnd> ends;
  for (size_t index = 0; index < holders.size(); ++index) {
    auto& process = *holders[index].process;
    each_open(std::to_string(process.pid()), [&](int number, const struct stat& info) {
      const ObjectKey key(info.st_dev, info.st_ino);
      if (kind == DescriptorKind::kPipe ? !S_ISFIFO(info.st_mode) : !S_ISSOCK(info.st_mode)) return;
      if (!wanted(key)) return;
      auto fd = duplicate_of(process, number);
      if (!fd) return;
      const int flags = fcntl(fd.get(), F_GETFL);
      ends.push_back({key, kind, index, number, flags, std::move(fd)});
    });
  }
  return ends;
}

}  // namespace

UniqueFd duplicate_of(const tracee::Process& process, int number) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), number, 0)));
}

UniqueFd duplicate_of(const UniqueFd& ours) { return UniqueFd(fcntl(ours.get(), F_DUPFD_CLOEXEC, 3)); }

ObjectKey key_of(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 ? ObjectKey(info.st_dev, info.st_ino) : ObjectKey();
}

std::set<ObjectKey> own_objects() {
  std::set<ObjectKey> keys;
  each_open("self", [&](int, const struct stat& info) {
    if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) keys.insert({info.st_dev, info.st_ino});
  });
  return keys;
}

std::set<ObjectKey> shared_with_us(Holders holders) {
  std::set<ObjectKey> standard, shared;
  for (auto& holder : holders)
    for (auto it = holder.table->begin(); it != holder.table->end() && it->first <= 2; ++it)
      if (it->second.is_stream()) standard.insert({it->second.device, it->second.inode});
  if (standard.empty()) return shared;
  for (auto& key : own_objects())
    if (standard.contains(key)) shared.insert(key);
  return shared;
}

std::vector<StreamEnd> live_ends(Holders holders, DescriptorKind kind, const std::set<ObjectKey>& wanted) {
  return ends_if(holders, kind, [&](const ObjectKey& key) { return wanted.contains(key); });
}

std::vector<StreamEnd> surplus_sockets(Holders holders) {
  std::optional<std::set<ObjectKey>> known;
  return ends_if(holders, DescriptorKind::kSocket, [&](const ObjectKey& key) {
    if (!known) {
      known = own_objects();
      for (auto& holder : holders)
        for (auto& [number, descriptor] : *holder.table)
          if (descriptor.identity) known->insert(descriptor.identity->now);
    }
    return !known->contains(key);
  });
}

std::map<ObjectKey, std::vector<StreamEnd*>> by_key(std::vector<StreamEnd>& ends) {
  std::map<ObjectKey, std::vector<StreamEnd*>> result;
  for (auto& end : ends) result[end.key].push_back(&end);
  return result;
}

std::string name_numbers(Holders holders, const SharedIdentity& identity) {
  std::vector<int> numbers;
  for (auto& holder : holders)
    for (auto& [number, descriptor] : *holder.table)
      if (descriptor.identity == identity) numbers.push_back(number);
  if (numbers.empty()) return "a descriptor under way";
  std::string text = numbers.size() == 1 ? "descriptor " : "descriptors ";
  for (size_t i = 0; i < numbers.size(); ++i) text += (i == 0 ? "" : i + 1 == numbers.size() ? " and " : ", ") + std::to_string(numbers[i]);
  return text;
}

}  // namespace rollpoint::resources
