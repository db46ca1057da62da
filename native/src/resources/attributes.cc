#include "resources/attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "resources/courier.h"
#include "resources/file_keeper.h"
#include "util/capability.h"
#include "util/error.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

std::string directory_path(const Process& process) { return "/proc/" + std::to_string(process.pid()) + "/cwd"; }

// A folder that was removed since and made anew, under the name by which it went; else none.
UniqueFd made_anew(const UniqueFd& directory) {
  constexpr std::string_view kDeleted = " (deleted)";
  struct stat info {};
  auto path = real_path(directory);
  if (fstat(directory.get(), &info) < 0 || info.st_nlink > 0 || !path.ends_with(kDeleted)) return {};
  path.resize(path.size() - kDeleted.size());
  return UniqueFd(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool in_directory(const Process& process, const UniqueFd& directory) {
  struct stat now {}, wanted {};
  if (const auto anew = made_anew(directory)) return in_directory(process, anew);
  return stat(directory_path(process).c_str(), &now) == 0 && fstat(directory.get(), &wanted) == 0 && now.st_ino == wanted.st_ino &&
         now.st_dev == wanted.st_dev;
}

unsigned umask_of(const Process& process) {
  const auto text = process.status_field("Umask");
  return text.empty() ? 0 : static_cast<unsigned>(std::stoul(text, nullptr, 8));
}

util::Warning lowered(size_t resource) { return {"limit", "Resource limit " + std::to_string(resource) + " was lowered for good since the snapshot."}; }

bool same(const rlimit& a, const rlimit& b) { return a.rlim_cur == b.rlim_cur && a.rlim_max == b.rlim_max; }

}  // namespace

Attributes read_attributes(const Process& process, const Attributes* before) {
  Attributes result;
  if (before && before->directory && in_directory(process, *before->directory)) {
    result.directory = before->directory;
  } else if (UniqueFd fd(open(directory_path(process).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); fd) {
    result.directory = std::make_shared<UniqueFd>(std::move(fd));
  }
  result.umask = umask_of(process);
  for (size_t i = 0; i < result.limits.size(); ++i)
    if (rlimit limit{}; prlimit(process.pid(), static_cast<__rlimit_resource>(i), nullptr, &limit) == 0) result.limits[i] = limit;
  return result;
}

util::Warnings foresee_attributes(const Process& process, const Attributes& wanted) {
  util::Warnings left;
  for (size_t i = 0; i < wanted.limits.size(); ++i) {
    rlimit now{};
    const bool known = wanted.limits[i] && prlimit(process.pid(), static_cast<__rlimit_resource>(i), nullptr, &now) == 0;
    if (known && wanted.limits[i]->rlim_max > now.rlim_max && !util::may(util::kSysResource)) left.push_back(lowered(i));
  }
  return left;
}

util::Warnings restore_attributes(Process& process, const Attributes& wanted) {
  util::Warnings left;
  if (wanted.directory && !in_directory(process, *wanted.directory)) {
    const auto anew = made_anew(*wanted.directory);
    struct stat info {};
    if (!anew && fstat(wanted.directory->get(), &info) == 0 && info.st_nlink == 0) left.push_back({"directory", "The working directory was removed since the snapshot; the program is in it again, but no name leads there."});
    const int fd = Courier(process).deliver_anywhere(anew ? anew.get() : wanted.directory->get());
    RemoteSyscalls remote(process);
    const auto result = remote.call(SYS_fchdir, static_cast<uint64_t>(fd));
    remote.call(SYS_close, static_cast<uint64_t>(fd));
    if (result < 0) left.push_back({"directory", "The working directory could not be put back: " + util::errno_name(static_cast<int>(-result)) + "."});
  }
  if (umask_of(process) != wanted.umask) RemoteSyscalls(process).call(SYS_umask, wanted.umask);
  for (size_t i = 0; i < wanted.limits.size(); ++i) {
    rlimit now{};
    const auto resource = static_cast<__rlimit_resource>(i);
    if (prlimit(process.pid(), resource, nullptr, &now) < 0 || !wanted.limits[i] || same(now, *wanted.limits[i])) continue;
    if (prlimit(process.pid(), resource, &*wanted.limits[i], nullptr) == 0) continue;
    // A hard limit once lowered stays so without CAP_SYS_RESOURCE.
    rlimit soft{std::min(wanted.limits[i]->rlim_cur, now.rlim_max), now.rlim_max};
    prlimit(process.pid(), resource, &soft, nullptr);
    left.push_back(lowered(i));
  }
  return left;
}

std::vector<std::string> compare_attributes(const Process& process, const Attributes& wanted) {
  std::vector<std::string> result;
  if (wanted.directory && !in_directory(process, *wanted.directory)) result.push_back("the working directory is another");
  if (umask_of(process) != wanted.umask) result.push_back("the umask differs");
  for (size_t i = 0; i < wanted.limits.size(); ++i) {
    rlimit now{};
    if (prlimit(process.pid(), static_cast<__rlimit_resource>(i), nullptr, &now) == 0 && wanted.limits[i] && !same(now, *wanted.limits[i]))
      result.push_back("resource limit " + std::to_string(i) + " differs");
  }
  return result;
}

}  // namespace rollpoint::resources
