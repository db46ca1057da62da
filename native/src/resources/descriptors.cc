#include "resources/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>

#include "resources/courier.h"
#include "resources/held_files.h"
#include "resources/sharing.h"
#include "util/error.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

constexpr int kSettableFlags = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;  // O_ASYNC: descriptor_owners.h

std::string proc(const Process& process, const char* what, int fd) {
  return "/proc/" + std::to_string(process.pid()) + "/" + what + "/" + std::to_string(fd);
}

std::string read_link(const std::string& path) {
  char target[4096];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

UniqueFd duplicate(const Process& process, int fd) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), fd, 0)));
}

// Looks like a file of this length, the text that mq_overview(7) describes.
bool is_message_queue(const std::string& path, const struct stat& info) {
  constexpr auto kMqueueMagic = 0x19800202;  // ipc/mqueue.c
  constexpr off_t kTextLength = 80;
  struct statfs system {};
  return info.st_size == kTextLength && statfs(path.c_str(), &system) == 0 && system.f_type == kMqueueMagic;
}

DescriptorKind kind_of(const std::string& path, const std::string& target, const struct stat& info) {
  if (target.starts_with("pipe:")) return DescriptorKind::kPipe;
  if (target.starts_with("socket:")) return DescriptorKind::kSocket;
  if (target.starts_with("anon_inode:")) return DescriptorKind::kEvent;
  if (S_ISREG(info.st_mode)) return is_message_queue(path, info) ? DescriptorKind::kMessageQueue : DescriptorKind::kFile;
  if (S_ISDIR(info.st_mode)) return DescriptorKind::kDirectory;
  if (S_ISFIFO(info.st_mode)) return DescriptorKind::kPipe;
  if (S_ISSOCK(info.st_mode)) return DescriptorKind::kSocket;
  if (S_ISCHR(info.st_mode)) {
    const unsigned number = major(info.st_rdev);
    if (number == 4 || number == 5 || (number >= 136 && number <= 143)) return DescriptorKind::kTerminal;
    // Memory devices (null, zero, full, random) have no session; a duplicate of another may keep hardware busy.
    return number == 1 ? DescriptorKind::kDevice : DescriptorKind::kOther;
  }
  return DescriptorKind::kOther;
}

struct FdInfo {
  int64_t offset = 0;
  int flags = 0;
  bool locked = false;
};

FdInfo read_fdinfo(const Process& process, int fd) {
  FdInfo info;
  std::ifstream file(proc(process, "fdinfo", fd));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("pos:")) info.offset = std::stoll(line.substr(4));
    else if (line.starts_with("flags:")) info.flags = std::stoi(line.substr(6), nullptr, 8);
    else if (line.starts_with("lock:")) info.locked = true;
  }
  return info;
}

std::vector<int> open_numbers(const Process& process) {
  std::vector<int> numbers;
  DIR* directory = opendir(("/proc/" + std::to_string(process.pid()) + "/fd").c_str());
  if (!directory) throw util::SysError("read the descriptor table", errno);
  while (dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') numbers.push_back(atoi(entry->d_name));
  closedir(directory);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool may_hold(DescriptorKind kind) {
  return kind == DescriptorKind::kFile || kind == DescriptorKind::kDirectory || kind == DescriptorKind::kDevice || kind == DescriptorKind::kMessageQueue;
}

bool seekable(DescriptorKind kind) { return kind == DescriptorKind::kFile || kind == DescriptorKind::kDirectory; }

const char* name_of(DescriptorKind kind) {
  switch (kind) {
    case DescriptorKind::kFile: return "file";
    case DescriptorKind::kMessageQueue: return "message queue";
    case DescriptorKind::kDirectory: return "directory";
    case DescriptorKind::kTerminal: return "terminal";
    case DescriptorKind::kDevice: return "device";
    case DescriptorKind::kPipe: return "pipe";
    case DescriptorKind::kSocket: return "socket";
    case DescriptorKind::kEvent: return "event descriptor";
    case DescriptorKind::kOther: break;
  }
  return "descriptor";
}

std::string describe(int number, const Descriptor& descriptor) {
  return "descriptor " + std::to_string(number) + " (" + name_of(descriptor.kind) + " " + descriptor.target + ")";
}

// A folder that was removed since the snapshot and made anew, opened again; else none.
UniqueFd made_anew(const Descriptor& wanted) {
  constexpr std::string_view kDeleted = " (deleted)";
  struct stat info {};
  if (wanted.kind != DescriptorKind::kDirectory || !wanted.held || wanted.target.ends_with(kDeleted) || fstat(wanted.held->fd.get(), &info) < 0 || info.st_nlink > 0) return {};
  return UniqueFd(open(wanted.target.c_str(), wanted.flags | O_CLOEXEC));
}

bool is_same(const Process& process, int number, const Descriptor& wanted) {
  if (wanted.pinned()) return is_alike_pinned(process, number, wanted);
  if (const auto anew = made_anew(wanted)) {
    struct stat theirs {}, ours {};
    return stat(proc(process, "fd", number).c_str(), &theirs) == 0 && fstat(anew.get(), &ours) == 0 && theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
  }
  if (wanted.held) return holds_description(process, number, *wanted.held);
  if (wanted.identity) {
    struct stat info {};
    if (stat(proc(process, "fd", number).c_str(), &info) < 0 || ObjectKey(info.st_dev, info.st_ino) != wanted.identity->now) return false;
    // Both ends of a pipe are one inode.
    return wanted.kind != DescriptorKind::kPipe || (read_fdinfo(process, number).flags & O_ACCMODE) == (wanted.flags & O_ACCMODE);
  }
  return read_link(proc(process, "fd", number)) == wanted.target;
}

// A terminal is not held, since a duplicate would hide its end from the other side; by its name it is the same one again.
// Returns the numbers that stay closed.
std::vector<int> reopen_terminals(Process& process, const DescriptorTable& wanted, const std::vector<int>& numbers) {
  std::vector<int> failed;
  std::map<std::pair<std::string, int>, int> opened;
  RemoteSyscalls remote(process);
  for (int number : numbers) {
    const auto& descriptor = wanted.at(number);
    const int flags = descriptor.flags & (O_ACCMODE | kSettableFlags), close_on_exec = descriptor.flags & O_CLOEXEC;
    const auto [it, is_first] = opened.try_emplace({descriptor.target, flags}, number);
    int64_t from = it->second;
    if (is_first) {
      const uint64_t path = remote.put(descriptor.target.c_str(), descriptor.target.size() + 1);
      from = remote.call(SYS_open, path, static_cast<uint64_t>(flags | O_NOCTTY | close_on_exec));
    }
    if (from < 0) {
      opened.erase(it);
      failed.push_back(number);
      continue;
    }
    if (from == number) continue;
    remote.require("dup3", SYS_dup3, static_cast<uint64_t>(from), static_cast<uint64_t>(number), static_cast<uint64_t>(close_on_exec));
    if (is_first) remote.call(SYS_close, static_cast<uint64_t>(from));
  }
  return failed;
}

// Of which we keep no duplicate while the program runs, and which are looked for.
bool is_session(const Descriptor& descriptor) {
  return descriptor.pinned() || (!descriptor.held && (descriptor.kind == DescriptorKind::kPipe || descriptor.kind == DescriptorKind::kSocket || descriptor.kind == DescriptorKind::kEvent));
}

// Names of files change.
std::string place_of(dev_t device, ino_t inode) { return "file:" + std::to_string(device) + ":" + std::to_string(inode); }

std::string place_of(const Process& process, int number, bool by_inode) {
  auto target = read_link(proc(process, "fd", number));
  struct stat info {};
  if (!by_inode || !target.starts_with('/') || stat(proc(process, "fd", number).c_str(), &info) < 0 || !S_ISREG(info.st_mode)) return target;
  return place_of(info.st_dev, info.st_ino);
}

// As /proc/PID/fd/N reads for what stands for it now: a pipe or socket may have been made anew.
std::string current_target(const Descriptor& wanted) {
  if (wanted.pinned()) return place_of(wanted.device, wanted.inode);
  const bool is_pipe = wanted.target.starts_with("pipe:");
  if (!wanted.identity || !(is_pipe || wanted.target.starts_with("socket:"))) return wanted.target;
  return (is_pipe ? "pipe:[" : "socket:[") + std::to_string(wanted.identity->now.second) + "]";
}

/// Where an open file description of `wanted` is now.
struct Found {
  int number = 0;
  std::set<int> numbers;  // all of its numbers, wanted or not
};

// By `shares_with`. No two of `wanted` get the same: what dup2 has made one becomes two again.
std::map<int, Found> find_unheld(const Process& process, const DescriptorTable& wanted, const std::vector<int>& open, const Recognise& recognise) {
  std::map<int, Found> result;
  std::map<int, std::vector<int>> groups;
  bool by_inode = false;
  for (auto& [number, descriptor] : wanted) {
    if (is_session(descriptor)) groups[descriptor.shares_with].push_back(number);
    by_inode = by_inode || descriptor.pinned();
  }
  if (groups.empty()) return result;
  std::map<std::string, std::vector<int>> open_on;
  for (int number : open) open_on[place_of(process, number, by_inode)].push_back(number);
  std::map<int, int> sharing;
  for (auto& [target, numbers] : open_on)
    if (numbers.size() == 1) sharing[numbers.front()] = numbers.front();
    else sharing.merge(find_sharing(process, numbers));
  std::map<int, std::set<int>> numbers_of;
  for (auto [number, lowest] : sharing) numbers_of[lowest].insert(number);
  std::set<int> taken;  // by lowest number
  auto look = [&](Likeness least, bool everywhere) {
    for (auto& [key, members] : groups) {
      if (result.contains(key)) continue;
      const Descriptor& descriptor = wanted.at(key);
      const auto candidates = open_on.find(current_target(descriptor));
      if (candidates == open_on.end()) continue;
      for (int number : everywhere ? candidates->second : members) {
        auto it = sharing.find(number);
        if (it == sharing.end() || taken.contains(it->second) || !std::binary_search(candidates->second.begin(), candidates->second.end(), number)) continue;
        if (recognise(number, descriptor) < least) continue;
        taken.insert(it->second);
        result[key] = {number, numbers_of[it->second]};
        break;
      }
    }
  };
  look(Likeness::kSame, false);
  look(Likeness::kAlike, false);
  look(Likeness::kSame, true);
  look(Likeness::kAlike, true);
  return result;
}

}  // namespace

bool Descriptor::writable() const { return (flags & O_ACCMODE) != O_RDONLY; }

DescriptorTable read_descriptors(Process& process, const DescriptorTable* before) {
  DescriptorTable table;
  std::map<std::pair<dev_t, ino_t>, std::vector<int>> numbers_of;
  for (int number : open_numbers(process)) {
    Descriptor descriptor;
    const std::string path = proc(process, "fd", number);
    descriptor.target = read_link(path);
    struct stat info {};
    if (descriptor.target.empty() || stat(path.c_str(), &info) < 0) continue;
    descriptor.kind = kind_of(path, descriptor.target, info);
    descriptor.device = info.st_dev;
    descriptor.inode = info.st_ino;
    descriptor.shares_with = number;
    if (descriptor.is_stream()) descriptor.identity = identity_of({info.st_dev, info.st_ino});
    const auto fdinfo = read_fdinfo(process, number);
    descriptor.offset = fdinfo.offset;
    descriptor.flags = fdinfo.flags;
    descriptor.locked = fdinfo.locked;
    numbers_of[{info.st_dev, info.st_ino}].push_back(number);
    table.emplace(number, std::move(descriptor));
  }
  for (auto& [inode, numbers] : numbers_of)
    if (numbers.size() > 1)
      for (auto [number, lowest] : find_sharing(process, numbers)) table.at(number).shares_with = lowest;
  for (auto& [number, descriptor] : table) {
    if (!may_hold(descriptor.kind)) continue;
    if (descriptor.shares_with != number) {
      descriptor.held = table.at(descriptor.shares_with).held;
      continue;
    }
    const auto earlier = before ? before->find(number) : table.end();
    descriptor.held = hold(process, number, descriptor, before && earlier != before->end() ? &earlier->second : nullptr);
  }
  return table;
}

util::Warnings restore_descriptors(Process& process, const DescriptorTable& wanted, const Recreate& recreate, const Recognise& recognise) {
  util::Warnings left;
  std::vector<RemoteCall> closes;
  std::vector<int> missing, terminals;
  std::map<int, UniqueFd> renewed;  // by `shares_with`
  const auto open = open_numbers(process);
  const auto found = find_unheld(process, wanted, open, recognise);
  // Ours for the moment: its numbers may be closed or overwritten before the last of them is delivered.
  for (auto& [key, source] : found)
    for (auto& [number, descriptor] : wanted)
      if (descriptor.shares_with == key && !source.numbers.contains(number) && !renewed.contains(key)) renewed[key] = duplicate(process, source.number);
  for (int number : open)
    if (!wanted.contains(number)) closes.push_back({SYS_close, {static_cast<uint64_t>(number)}});
  RemoteSyscalls remote(process);
  if (!closes.empty()) remote.batch(closes);
  auto stays_away = [&](int number) {
    const bool is_open = std::binary_search(open.begin(), open.end(), number);
    left.push_back({"descriptor", "The " + describe(number, wanted.at(number)) + " was " + (is_open ? "replaced" : "closed") + " since and does not come back."});
  };
  for (auto& [number, descriptor] : wanted) {
    if (is_session(descriptor)) {
      const auto source = found.find(descriptor.shares_with);
      if (source != found.end() && source->second.numbers.contains(number)) continue;
      if (source == found.end() && !renewed.contains(descriptor.shares_with)) renewed[descriptor.shares_with] = recreate(number, descriptor);
      if (renewed.at(descriptor.shares_with)) missing.push_back(number);
      else stays_away(number);
      continue;
    }
    if (auto anew = made_anew(descriptor)) {
      renewed.try_emplace(descriptor.shares_with, std::move(anew));
      missing.push_back(number);
      continue;
    }
    if (std::binary_search(open.begin(), open.end(), number) && is_same(process, number, descriptor)) continue;
    if (descriptor.held) missing.push_back(number);
    else if (descriptor.kind == DescriptorKind::kTerminal && !descriptor.target.ends_with("/ptmx")) terminals.push_back(number);
    else if (auto [it, is_first] = renewed.try_emplace(descriptor.shares_with); (is_first ? it->second = recreate(number, descriptor) : it->second)) missing.push_back(number);
    else stays_away(number);
  }
  if (!terminals.empty())
    for (int number : reopen_terminals(process, wanted, terminals)) stays_away(number);
  if (!missing.empty()) {
    Courier courier(process);
    for (int number : missing) {
      const auto& descriptor = wanted.at(number);
      const auto anew = renewed.find(descriptor.shares_with);
      const UniqueFd& ours = anew != renewed.end() ? anew->second : descriptor.held->fd;
      courier.deliver(ours.get(), number, descriptor.flags & O_CLOEXEC);
    }
  }
  std::vector<RemoteCall> close_on_exec;
  for (auto& [number, descriptor] : wanted) {
    const auto now = read_fdinfo(process, number);
    const bool moved = seekable(descriptor.kind) && now.offset != descriptor.offset, reset = (now.flags ^ descriptor.flags) & kSettableFlags;
    if (descriptor.held && (moved || reset) && !is_ours(process, number)) {
      const UniqueFd theirs = descriptor.pinned() || renewed.contains(descriptor.shares_with) ? duplicate(process, number) : UniqueFd();
      const int fd = theirs ? theirs.get() : descriptor.held->fd.get();
      if (moved) lseek(fd, descriptor.offset, SEEK_SET);
      if (reset) fcntl(fd, F_SETFL, (descriptor.flags & kSettableFlags) | (now.flags & O_ASYNC));
    }
    if ((now.flags ^ descriptor.flags) & O_CLOEXEC)
      close_on_exec.push_back({SYS_fcntl, {static_cast<uint64_t>(number), F_SETFD, descriptor.flags & O_CLOEXEC ? uint64_t{FD_CLOEXEC} : 0}});
  }
  if (!close_on_exec.empty()) RemoteSyscalls(process).batch(close_on_exec);
  return left;
}

std::vector<std::string> compare_open_descriptors(const Process& process, const DescriptorTable& wanted) {
  std::vector<std::string> result;
  const auto open = open_numbers(process);
  for (int number : open)
    if (!wanted.contains(number)) result.push_back("Descriptor " + std::to_string(number) + " is open, and was not at the snapshot.");
  for (auto& [number, descriptor] : wanted)
    if (!std::binary_search(open.begin(), open.end(), number)) result.push_back("The " + describe(number, descriptor) + " was open at the snapshot, and is not.");
  return result;
}

std::vector<std::string> compare_descriptors(Process& process, const DescriptorTable& wanted) {
  std::vector<std::string> result;
  std::vector<int> sessions;
  const auto open = open_numbers(process);
  for (int number : open)
    if (!wanted.contains(number)) result.push_back("descriptor " + std::to_string(number) + " is open");
  for (auto& [number, descriptor] : wanted) {
    if (!std::binary_search(open.begin(), open.end(), number)) {
      result.push_back("The " + describe(number, descriptor) + " is closed.");
      continue;
    }
    if (!is_same(process, number, descriptor)) result.push_back("The " + describe(number, descriptor) + " is another.");
    const auto now = read_fdinfo(process, number);
    if (seekable(descriptor.kind) && now.offset != descriptor.offset && !(descriptor.held && is_ours(process, number))) result.push_back("The offset of " + describe(number, descriptor) + " differs.");
    // Flags of a pipe or terminal belong to everybody who shares it.
    const int settable = descriptor.pinned() ? O_ACCMODE | O_SYNC | O_DSYNC | O_CLOEXEC | kSettableFlags : ~0;
    if (descriptor.held && (now.flags ^ descriptor.flags) & settable && !is_ours(process, number)) result.push_back("The flags of " + describe(number, descriptor) + " differ.");
    if (is_session(descriptor)) sessions.push_back(number);
  }
  for (auto [number, lowest] : find_sharing(process, sessions))
    if (lowest != wanted.at(number).shares_with) result.push_back("The " + describe(number, wanted.at(number)) + " shares with another descriptor than before.");
  return result;
}

}  // namespace rollpoint::resources
