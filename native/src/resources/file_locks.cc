#include "resources/file_locks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteSyscalls;

namespace {

using Kind = FileLock::Kind;

bool may_lock(const Descriptor& descriptor) { return descriptor.kind == DescriptorKind::kFile || descriptor.kind == DescriptorKind::kDirectory; }

// lock: 1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF (proc_pid_fdinfo(5))
std::vector<FileLock> locks_through(const Process& process, int number) {
  std::vector<FileLock> locks;
  std::ifstream file("/proc/" + std::to_string(process.pid()) + "/fdinfo/" + std::to_string(number));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("lock:")) continue;
    std::istringstream words(line.substr(5));
    std::string index, kind, mode, type, pid, place, start, end;
    words >> index >> kind >> mode >> type >> pid >> place >> start >> end;
    FileLock lock;
    if (kind == "POSIX") lock.kind = Kind::kProcess;
    else if (kind == "OFDLCK") lock.kind = Kind::kOpenFile;
    else if (kind == "FLOCK") lock.kind = Kind::kWholeFile;
    else if (kind == "LEASE") lock.kind = Kind::kLease;
    else continue;
    lock.exclusive = type == "WRITE";
    if (lock.kind == Kind::kProcess || lock.kind == Kind::kOpenFile) {
      lock.start = atoll(start.c_str());
      lock.length = end == "EOF" ? 0 : atoll(end.c_str()) - lock.start + 1;
    }
    locks.push_back(lock);
  }
  std::sort(locks.begin(), locks.end());
  return locks;
}

int64_t set(RemoteSyscalls& remote, int number, const FileLock& lock, short type) {
  const auto fd = static_cast<uint64_t>(number);
  if (lock.kind == Kind::kWholeFile) return remote.call(SYS_flock, fd, type == F_UNLCK ? LOCK_UN : static_cast<uint64_t>((type == F_WRLCK ? LOCK_EX : LOCK_SH) | LOCK_NB));
  if (lock.kind == Kind::kLease) return remote.call(SYS_fcntl, fd, F_SETLEASE, static_cast<uint64_t>(type));
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = lock.start;
  range.l_len = lock.length;
  return remote.call(SYS_fcntl, fd, lock.kind == Kind::kProcess ? F_SETLK : F_OFD_SETLK, remote.put(&range, sizeof range));
}

std::string holder_of(const Descriptor& descriptor, pid_t not_this) {
  std::ifstream file("/proc/locks");
  const std::string inode = ":" + std::to_string(descriptor.inode) + " ";
  for (std::string line; std::getline(file, line);) {
    if (line.find(inode) == std::string::npos) continue;
    std::istringstream words(line);
    std::string index, kind, mode, type, pid;
    words >> index >> kind >> mode >> type >> pid;
    if (atoi(pid.c_str()) > 0 && atoi(pid.c_str()) != not_this) return "process " + pid;
  }
  return "another process";
}

}  // namespace

FileLocks read_file_locks(const Process& process, const DescriptorTable& descriptors) {
  FileLocks result;
  for (auto& [number, descriptor] : descriptors) {
    if (!descriptor.locked || descriptor.shares_with != number || !may_lock(descriptor)) continue;
    if (auto locks = locks_through(process, number); !locks.empty()) result.emplace(number, std::move(locks));
  }
  return result;
}

util::UniqueFd reopen_locked(const Descriptor& wanted) {
  if (!may_lock(wanted)) return {};
  struct stat info {};
  if (stat(wanted.target.c_str(), &info) < 0 || info.st_ino != wanted.inode || info.st_dev != wanted.device) return {};
  util::UniqueFd fd(open(wanted.target.c_str(), (wanted.flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC | O_NOCTTY));
  if (fd) lseek(fd.get(), wanted.offset, SEEK_SET);
  return fd;
}

util::Warnings restore_file_locks(Process& process, const DescriptorTable& descriptors, const FileLocks& wanted) {
  util::Warnings left;
  const std::vector<FileLock> none;
  RemoteSyscalls remote(process);
  std::set<int> changed;
  for (auto& [number, descriptor] : descriptors) {
    if (descriptor.shares_with != number || !may_lock(descriptor)) continue;
    if (!descriptor.held && descriptor.kind == DescriptorKind::kFile) {
      // Still open, and its position could not be put back through a duplicate that is held.
      const util::UniqueFd theirs(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), number, 0)));
      if (theirs) lseek(theirs.get(), descriptor.offset, SEEK_SET);
    }
    auto it = wanted.find(number);
    const auto now = locks_through(process, number);
    if (now == (it == wanted.end() ? none : it->second)) continue;
    changed.insert(number);
    for (auto& lock : now) set(remote, number, lock, F_UNLCK);
  }
  for (int number : changed) {
    auto it = wanted.find(number);
    for (auto& lock : it == wanted.end() ? none : it->second)
      if (set(remote, number, lock, lock.exclusive ? F_WRLCK : F_RDLCK) < 0)
        left.push_back({"fileLock", "The lock on " + descriptors.at(number).target + " could not be taken again: " + holder_of(descriptors.at(number), process.pid()) + " has it now."});
  }
  return left;
}

std::vector<std::string> compare_file_locks(const Process& process, const DescriptorTable& descriptors, const FileLocks& wanted) {
  std::vector<std::string> result;
  for (auto& [number, locks] : wanted)
    if (locks_through(process, number) != locks) result.push_back("The locks on " + descriptors.at(number).target + " differ.");
  return result;
}

}  // namespace rollpoint::resources
