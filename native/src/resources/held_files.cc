#include "resources/held_files.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::Process;
using util::UniqueFd;

namespace {

std::string path_of(const Process& process, int number) { return "/proc/" + std::to_string(process.pid()) + "/fd/" + std::to_string(number); }

// Opened again later it would be another one: what the kernel answers depends on who asks, a server on who it knows.
bool opens_the_same(int fd) {
  struct statfs info {};
  if (fstatfs(fd, &info) < 0) return false;
  switch (static_cast<unsigned long>(info.f_type)) {
    case PROC_SUPER_MAGIC: case SYSFS_MAGIC: case DEBUGFS_MAGIC: case TRACEFS_MAGIC: case CGROUP_SUPER_MAGIC: case CGROUP2_SUPER_MAGIC: case SECURITYFS_MAGIC:
    case BPF_FS_MAGIC: case NFS_SUPER_MAGIC: case SMB_SUPER_MAGIC: case SMB2_SUPER_MAGIC: case CIFS_SUPER_MAGIC: case V9FS_MAGIC: case AFS_SUPER_MAGIC:
    case CEPH_SUPER_MAGIC: case FUSE_SUPER_MAGIC:
      return false;
    default: return true;
  }
}

std::string path_of(const UniqueFd& pin) { return "/proc/self/fd/" + std::to_string(pin.get()); }

// Empty where the file cannot be opened again.
UniqueFd pin_of(const Process& process, int number, const Descriptor& descriptor) {
  UniqueFd pin(open(path_of(process, number).c_str(), O_PATH | O_CLOEXEC));
  struct stat info {};
  if (!pin || fstat(pin.get(), &info) < 0 || info.st_ino != descriptor.inode || info.st_dev != descriptor.device || !opens_the_same(pin.get())) return {};
  const int access = descriptor.flags & O_ACCMODE;
  const int wanted = access == O_RDONLY ? R_OK : access == O_WRONLY ? W_OK : R_OK | W_OK;
  if (info.st_uid != geteuid() && faccessat(AT_FDCWD, path_of(pin).c_str(), wanted, AT_EACCESS) < 0) return {};
  return pin;
}

}  // namespace

bool is_ours(const Process& process, int number) {
  for (int fd = 0; fd <= 2; ++fd)
    if (syscall(SYS_kcmp, getpid(), process.pid(), KCMP_FILE, fd, number) == 0) return true;
  return false;
}

bool holds_description(const Process& process, int number, const HeldFile& held) {
  return syscall(SYS_kcmp, process.pid(), getpid(), KCMP_FILE, number, held.fd.get()) == 0;
}

std::shared_ptr<HeldFile> hold(const Process& process, int number, const Descriptor& descriptor, const Descriptor* earlier) {
  if (descriptor.kind == DescriptorKind::kFile && !(descriptor.flags & O_PATH) && !is_ours(process, number)) {
    const bool same = earlier && earlier->pinned() && earlier->inode == descriptor.inode && earlier->device == descriptor.device && !((earlier->flags ^ descriptor.flags) & O_ACCMODE);
    if (same) return earlier->held;
    if (auto pin = pin_of(process, number, descriptor)) return std::make_shared<HeldFile>(HeldFile{std::move(pin), true});
  }
  // With a duplicate of ours its closing could no longer release the lock.
  if (descriptor.locked) return nullptr;
  if (earlier && earlier->held && !earlier->pinned() && holds_description(process, number, *earlier->held)) return earlier->held;
  auto fd = borrow(process, number);
  return fd ? std::make_shared<HeldFile>(HeldFile{std::move(fd)}) : nullptr;
}

UniqueFd reopen_pinned(const Descriptor& wanted) {
  const std::string path = path_of(wanted.held->fd);
  const int flags = (wanted.flags & (O_ACCMODE | O_SYNC | O_DSYNC | O_APPEND | O_NONBLOCK | O_DIRECT)) | O_CLOEXEC | O_NOCTTY;
  UniqueFd fd(open(path.c_str(), flags));
  struct stat info {};
  // Written by who made it read-only, and may change that.
  if (!fd && errno == EACCES && fstat(wanted.held->fd.get(), &info) == 0 && chmod(path.c_str(), (info.st_mode & 07777) | 0600) == 0) {
    fd.reset(open(path.c_str(), flags));
    chmod(path.c_str(), info.st_mode & 07777);
  }
  if (fd && wanted.flags & O_NOATIME) fcntl(fd.get(), F_SETFL, flags | O_NOATIME);
  if (fd) lseek(fd.get(), wanted.offset, SEEK_SET);
  return fd;
}

bool is_alike_pinned(const Process& process, int number, const Descriptor& wanted) {
  struct stat info {};
  if (stat(path_of(process, number).c_str(), &info) < 0 || info.st_ino != wanted.inode || info.st_dev != wanted.device) return false;
  const UniqueFd fd = borrow(process, number);
  return fd && !((fcntl(fd.get(), F_GETFL) ^ wanted.flags) & (O_ACCMODE | O_SYNC | O_DSYNC | O_PATH));
}

}  // namespace rollpoint::resources
