#include "resources/file_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "resources/file_keeper.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

namespace {

// Absent from older headers (asm/unistd_64.h).
constexpr uint32_t kFchmodat2 = 452, kSetxattrat = 463, kRemovexattrat = 466;

constexpr std::array<uint32_t, 39> kNumbers{SYS_open,    SYS_creat,   SYS_openat, SYS_openat2,  SYS_truncate, SYS_rename,    SYS_renameat,
                                            SYS_renameat2, SYS_unlink, SYS_unlinkat, SYS_rmdir, SYS_mkdir,    SYS_mkdirat,   SYS_link,
                                            SYS_linkat,  SYS_symlink, SYS_symlinkat, SYS_mknod, SYS_mknodat,  SYS_chmod,
                                            SYS_fchmod,  SYS_fchmodat, kFchmodat2, SYS_chown,   SYS_lchown,   SYS_fchown,    SYS_fchownat,
                                            SYS_utime,   SYS_utimes, SYS_futimesat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
                                            SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, kSetxattrat, kRemovexattrat};

std::string read_string(tracee::Process& process, uint64_t address) {
  std::string result;
  char buffer[256];
  // Not beyond the page: the next one need not be there.
  while (result.size() < PATH_MAX) {
    const size_t size = std::min<size_t>(sizeof buffer, 4096 - address % 4096);
    const size_t got = process.memory().read(address, buffer, size);
    if (!got) return {};
    const auto end = std::string_view(buffer, got).find('\0');
    if (end != std::string_view::npos) return result.append(buffer, end);
    result.append(buffer, got);
    address += got;
  }
  return {};
}

// The name as seen from us, without symbolic links but perhaps the last; empty where its folder does not exist.
std::string canonical(const std::string& seen, bool follow, int depth = 0) {
  if (depth > 40) return {};
  std::string text = seen;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  const auto slash = text.rfind('/');
  const std::string name = text.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return {};
  const std::string folder = text.substr(0, slash + 1);
  util::UniqueFd parent(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return {};
  std::string real = real_path(parent);
  if (real.empty()) return {};
  if (real.back() != '/') real += '/';
  if (follow) {
    char link[PATH_MAX];
    const ssize_t length = readlinkat(parent.get(), name.c_str(), link, sizeof link);
    if (length > 0) {
      const std::string target(link, static_cast<size_t>(length));
      return canonical(target[0] == '/' ? target : real + target, true, depth + 1);
    }
  }
  return real + name;
}

// What /proc/self and its kin are to the thread `base` is about; to us they would be our own.
std::string as_seen_by(const std::string& base, const std::string& path) {
  constexpr std::string_view kSelf = "/proc/self/", kThreadSelf = "/proc/thread-self/", kDescriptors = "/dev/fd/";
  if (path.starts_with(kSelf)) return base + path.substr(kSelf.size() - 1);
  if (path.starts_with(kThreadSelf)) return base + path.substr(kThreadSelf.size() - 1);
  if (path.starts_with(kDescriptors)) return base + "/fd" + path.substr(kDescriptors.size() - 1);
  for (int fd = 0; fd <= 2; ++fd)
    if (constexpr const char* kNames[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"}; path == kNames[fd]) return base + "/fd/" + std::to_string(fd);
  return path;
}

std::string place(tracee::Process& process, pid_t tid, int directory, uint64_t address, bool follow) {
  std::string path = read_string(process, address);
  if (path.empty()) return {};
  const std::string base = "/proc/" + std::to_string(tid);
  if (auto seen = as_seen_by(base, path); seen != path) return canonical(seen, follow);
  struct stat theirs {}, ours {};
  if (path[0] == '/') {
    const bool same_root = stat((base + "/root").c_str(), &theirs) == 0 && stat("/", &ours) == 0 && theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
    return canonical(same_root ? path : base + "/root" + path, follow);
  }
  return canonical((directory == AT_FDCWD ? base + "/cwd/" : base + "/fd/" + std::to_string(directory) + "/") + path, follow);
}

}  // namespace

std::span<const uint32_t> file_call_numbers() { return kNumbers; }

bool is_file_call(uint64_t number) { return std::find(kNumbers.begin(), kNumbers.end(), number) != kNumbers.end(); }

CallArguments arguments_at_instruction(tracee::Tracee& tracee) {
  const auto& r = tracee.registers();
  return {r.rax, {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9}};
}

CallArguments arguments_at_relay(tracee::Process& process, tracee::Tracee& tracee, NumberIn number) {
  const auto& r = tracee.registers();
  uint64_t seventh = 0;
  process.memory().read(r.rsp, &seventh, sizeof seventh);
  if (number == NumberIn::kFirstArgument) return {r.rdi, {r.rsi, r.rdx, r.rcx, r.r8, r.r9, seventh}};
  return {seventh, {r.rdi, r.rsi, r.rdx, r.rcx, r.r8, r.r9}};
}

FileCall read_file_call(tracee::Process& process, tracee::Tracee& tracee, const CallArguments& arguments) {
  FileCall call;
  const auto& [a, b, c, d, e, f] = arguments.values;
  auto add = [&](uint64_t directory, uint64_t address, bool follow, bool content, bool loses_name) {
    if (auto path = place(process, tracee.tid(), static_cast<int>(directory), address, follow); !path.empty())
      call.places.push_back({std::move(path), content, loses_name});
  };
  auto add_open = [&](uint64_t directory, uint64_t address, uint64_t flags) {
    if ((flags & O_PATH) || (flags & O_TMPFILE) == O_TMPFILE) return;
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))) return;
    add(directory, address, !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL), true, false);
  };
  auto add_rename = [&](uint64_t from_directory, uint64_t from, uint64_t to_directory, uint64_t to) {
    add(from_directory, from, false, false, false);
    if (call.places.empty()) return;
    call.from = call.places.back().path;
    add(to_directory, to, false, true, true);
    if (call.places.size() > 1) call.to = call.places.back().path;
  };
  // One that may write is known by that.
  auto add_open_file = [&](uint64_t number) {
    const std::string link = "/proc/" + std::to_string(tracee.tid()) + "/fd/" + std::to_string(static_cast<int>(number));
    struct stat info {};
    char path[PATH_MAX];
    if (lstat(link.c_str(), &info) < 0 || info.st_mode & S_IWUSR) return;
    const ssize_t length = readlink(link.c_str(), path, sizeof path);
    if (length > 0 && path[0] == '/' && stat(link.c_str(), &info) == 0 && info.st_nlink > 0) call.places.push_back({std::string(path, static_cast<size_t>(length)), true, false});
  };
  const auto here = static_cast<uint64_t>(AT_FDCWD);
  const auto follows = [](uint64_t flags) { return !(flags & AT_SYMLINK_NOFOLLOW); };
  switch (arguments.number) {
    case SYS_open: add_open(here, a, b); break;
    case SYS_creat: add(here, a, true, true, false); break;
    case SYS_openat: add_open(a, b, c); break;
    case SYS_openat2: {
      uint64_t flags = 0;  // first member of struct open_how (openat2(2))
      if (process.memory().read(c, &flags, sizeof flags) == sizeof flags) add_open(a, b, flags);
      break;
    }
    case SYS_truncate: add(here, a, true, true, false); break;
    case SYS_chmod: case SYS_chown: case SYS_utime: case SYS_utimes: case SYS_setxattr: case SYS_removexattr: add(here, a, true, true, false); break;
    case SYS_lchown: case SYS_lsetxattr: case SYS_lremovexattr: add(here, a, false, true, false); break;
    case SYS_fchmod: case SYS_fchown: case SYS_fsetxattr: case SYS_fremovexattr: add_open_file(a); break;
    case SYS_fchmodat: add(a, b, true, true, false); break;
    case kFchmodat2: add(a, b, follows(d), true, false); break;
    case SYS_fchownat: add(a, b, follows(e), true, false); break;
    case kSetxattrat: case kRemovexattrat: add(a, b, follows(c), true, false); break;
    case SYS_futimesat: case SYS_utimensat:
      if (b) add(a, b, arguments.number == SYS_futimesat || follows(d), true, false);
      else add_open_file(a);
      break;
    case SYS_rename: add_rename(here, a, here, b); break;
    case SYS_renameat:
    case SYS_renameat2: add_rename(a, b, c, d); break;
    case SYS_unlink: add(here, a, false, true, true); break;
    case SYS_unlinkat: add(a, b, false, true, true); break;
    case SYS_rmdir: case SYS_mkdir: case SYS_mknod: add(here, a, false, false, false); break;
    case SYS_mkdirat: case SYS_mknodat: add(a, b, false, false, false); break;
    case SYS_link: case SYS_symlink: add(here, b, false, false, false); break;
    case SYS_linkat: add(c, d, false, false, false); break;
    case SYS_symlinkat: add(b, c, false, false, false); break;
    default: break;
  }
  return call;
}

}  // namespace rollpoint::resources
