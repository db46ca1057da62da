#include "resources/events_inotify.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <fstream>
#include <set>

#include "resources/fdinfo.h"

#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, int32_t)
#endif

namespace rollpoint::resources {

namespace {

constexpr uint32_t kMaskBits = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;
constexpr size_t kMostEntries = 20'000;  // of directories, in search of a watched file's name: some 10 ms, once per watch

using FileId = std::pair<dev_t, ino_t>;

Inotify read_watches(const tracee::Process& process, int number) {
  Inotify result;
  FdInfo(process, number).lines("inotify wd:", [&](const char* line) {
    int wd = 0;
    unsigned long inode = 0;
    unsigned device = 0, mask = 0;
    if (sscanf(line, "inotify wd:%x ino:%lx sdev:%x mask:%x", reinterpret_cast<unsigned*>(&wd), &inode, &device, &mask) != 4) return;
    // The kernel's own form of a device number: twenty bits of minor (linux/kdev_t.h).
    result.watches[wd] = {makedev(device >> 20, device & 0xfffff), inode, mask & kMaskBits, {}};
  });
  if (const auto fd = borrow(process, number)) ioctl(fd.get(), FIONREAD, &result.unread);
  return result;
}

FileId id_of(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? FileId{info.st_dev, info.st_ino} : FileId{};
}

// The kernel keeps no name of what is watched. Programs watch what is near: where they are, where they have files open,
// the usual places; looked through breadth first, up to a limit.
class NameSearch {
 public:
  NameSearch(const tracee::Process& process, const DescriptorTable& table) {
    const std::string base = "/proc/" + std::to_string(process.pid());
    add(link(base + "/cwd"));
    for (auto& [number, descriptor] : table) {
      if (descriptor.target.empty() || descriptor.target[0] != '/') continue;
      if (descriptor.kind == DescriptorKind::kDirectory) add(descriptor.target);
      if (descriptor.kind == DescriptorKind::kFile) add(parent(descriptor.target));
    }
    add(parent(link(base + "/cwd")));
    add(parent(link(base + "/exe")));
    std::ifstream environment(base + "/environ");
    for (std::string line; std::getline(environment, line, '\0');)
      for (const char* name : {"HOME=", "TMPDIR=", "XDG_RUNTIME_DIR=", "XDG_CONFIG_HOME="})
        if (line.starts_with(name)) add(line.substr(line.find('=') + 1));
    for (const char* path : {"/tmp", "/etc", "/var/tmp", "/run", "/dev", "/"}) add(path);
  }

  /// Fills `paths` of those that are found.
  void find(std::map<FileId, std::string>& paths) {
    size_t missing = paths.size();
    auto found = [&](const FileId& id, const std::string& path) {
      if (auto it = paths.find(id); it != paths.end() && it->second.empty()) {
        it->second = path;
        --missing;
      }
    };
    std::set<dev_t> devices;
    for (auto& [id, path] : paths) devices.insert(id.first);
    std::set<FileId> seen;
    size_t budget = kMostEntries;
    while (!queue_.empty() && missing && budget) {
      const std::string path = queue_.front();
      queue_.pop_front();
      const FileId id = id_of(path);
      if (!seen.insert(id).second) continue;
      found(id, path);
      DIR* directory = opendir(path.c_str());
      if (!directory) continue;
      while (dirent* entry = readdir(directory)) {
        const std::string name = entry->d_name;
        if (name == "." || name == ".." || !budget || !missing) continue;
        --budget;
        const std::string child = (path == "/" ? "" : path) + "/" + name;
        // The number is that of the file, but where another file system is mounted; such are asked.
        if (devices.contains(id.first)) found({id.first, entry->d_ino}, child);
        if (entry->d_type == DT_DIR && path != "/" && child != "/proc") queue_.push_back(child);
        else if (entry->d_type == DT_DIR) found(id_of(child), child);
      }
      closedir(directory);
    }
  }

 private:
  static std::string link(const std::string& path) {
    char target[4096];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
  }
  static std::string parent(const std::string& path) {
    const size_t at = path.rfind('/');
    return at == std::string::npos ? std::string() : at == 0 ? "/" : path.substr(0, at);
  }
  void add(std::string path) {
    if (!path.empty() && std::find(queue_.begin(), queue_.end(), path) == queue_.end()) queue_.push_back(std::move(path));
  }

  std::deque<std::string> queue_;
};

bool is_there(const Inotify& now, int wd, const InotifyWatch& wanted) {
  const auto it = now.watches.find(wd);
  if (it == now.watches.end()) return false;
  const FileId id{it->second.device, it->second.inode};
  // A file that was made anew since has another number.
  return id == FileId{wanted.device, wanted.inode} || (!wanted.path.empty() && id == id_of(wanted.path));
}

// Under the wanted number: the kernel's search begins there (fs/notify/inotify, INOTIFY_IOC_SETNEXTWD, Linux 4.18).
bool add_watch(int fd, int wd, const InotifyWatch& wanted) {
  if (wanted.path.empty() || ioctl(fd, INOTIFY_IOC_SETNEXTWD, wd) < 0) return false;
  const int given = inotify_add_watch(fd, wanted.path.c_str(), wanted.mask);
  if (given == wd) return true;
  if (given >= 0) inotify_rm_watch(fd, given);
  return false;
}

void drain(int fd) {
  alignas(inotify_event) char events[64 << 10];
  int unread = 0;
  while (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0 && read(fd, events, sizeof events) > 0) continue;
}

std::string describe(int number) { return "inotify descriptor " + std::to_string(number); }

}  // namespace

Inotifies read_inotifies(const tracee::Process& process, const DescriptorTable& table, const Inotifies* before, util::Warnings& warnings) {
  Inotifies result;
  std::map<FileId, std::string> nameless;
  for (auto& [number, descriptor] : table) {
    if (descriptor.shares_with != number || descriptor.target != "anon_inode:inotify") continue;
    auto& inotify = result[number] = read_watches(process, number);
    if (inotify.unread) warnings.push_back({"inotify", std::to_string(inotify.unread) + " bytes of events wait to be read from the " + describe(number) + "; once the program has read them, they do not come back."});
    const Inotify* earlier = nullptr;
    if (before)
      if (auto it = before->find(number); it != before->end()) earlier = &it->second;
    for (auto& [wd, watch] : inotify.watches) {
      if (earlier)
        if (auto it = earlier->watches.find(wd); it != earlier->watches.end() && !it->second.path.empty() && id_of(it->second.path) == FileId{watch.device, watch.inode}) watch.path = it->second.path;
      if (watch.path.empty()) nameless[{watch.device, watch.inode}];
    }
  }
  if (nameless.empty()) return result;
  NameSearch(process, table).find(nameless);
  for (auto& [number, inotify] : result) {
    for (auto& [wd, watch] : inotify.watches) {
      if (!watch.path.empty()) continue;
      watch.path = nameless[{watch.device, watch.inode}];
      if (watch.path.empty()) warnings.push_back({"inotify", "Watch " + std::to_string(wd) + " of the " + describe(number) + " is on a file whose name could not be found; should the program remove it, it does not come back."});
    }
  }
  return result;
}

util::UniqueFd create_inotify(int flags) { return util::UniqueFd(inotify_init1((flags & O_NONBLOCK) | IN_CLOEXEC)); }

util::Warnings restore_inotifies(const tracee::Process& process, const Inotifies& wanted) {
  util::Warnings left;
  for (auto& [number, inotify] : wanted) {
    const auto fd = borrow(process, number);
    if (!fd) continue;
    const auto now = read_watches(process, number);
    int highest = 0;
    bool changed = false;
    for (auto& [wd, watch] : now.watches) {
      highest = std::max(highest, wd);
      const auto it = inotify.watches.find(wd);
      if (it != inotify.watches.end() && is_there(now, wd, it->second)) continue;
      inotify_rm_watch(fd.get(), wd);
      changed = true;
    }
    for (auto& [wd, watch] : inotify.watches) {
      highest = std::max(highest, wd);
      const bool there = is_there(now, wd, watch);
      if (there && now.watches.at(wd).mask == watch.mask) continue;
      // Of one that is there this sets the mask.
      const bool put_back = there && !watch.path.empty() ? inotify_add_watch(fd.get(), watch.path.c_str(), watch.mask) == wd : !there && add_watch(fd.get(), wd, watch);
      changed = true;
      if (!put_back) left.push_back({"inotify", "Watch " + std::to_string(wd) + " of the " + describe(number) + (watch.path.empty() ? std::string(" was changed or removed since") : " on " + watch.path) + " could not be put back."});
    }
    // New watches go on above, or one could get the number of a watch that the program remembers as removed.
    if (changed) ioctl(fd.get(), INOTIFY_IOC_SETNEXTWD, highest + 1);
    int unread = 0;
    ioctl(fd.get(), FIONREAD, &unread);
    // Events since, those of our own restoring among them.
    if (inotify.unread == 0) drain(fd.get());
    else if (unread != inotify.unread) left.push_back({"inotify", "The events that wait in the " + describe(number) + " are not those of the snapshot."});
  }
  return left;
}

void take_own_events(const tracee::Process& process, const Inotifies& before) {
  for (auto& [number, inotify] : before) {
    uint32_t masks = 0;
    for (auto& [wd, watch] : inotify.watches) masks |= watch.mask;
    if (inotify.unread || !(masks & (IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE))) continue;
    if (const auto fd = borrow(process, number)) drain(fd.get());
  }
}

std::vector<std::string> compare_inotifies(const tracee::Process& process, const Inotifies& wanted) {
  std::vector<std::string> result;
  for (auto& [number, inotify] : wanted) {
    const auto now = read_watches(process, number);
    bool same = now.watches.size() == inotify.watches.size();
    for (auto& [wd, watch] : inotify.watches) same = same && is_there(now, wd, watch) && now.watches.at(wd).mask == watch.mask;
    if (!same) result.push_back("the watches of the " + describe(number) + " differ");
    if (now.unread != inotify.unread) result.push_back("the events that wait in the " + describe(number) + " differ");
  }
  return result;
}

}  // namespace rollpoint::resources
