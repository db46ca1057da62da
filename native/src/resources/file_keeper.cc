#include "resources/file_keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <vector>

namespace rollpoint::resources {

namespace {

constexpr const char* kPrefix = ".rollpoint-kept-";

void remove_folder(int parent, const char* name, int fd) {
  if (DIR* entries = fdopendir(dup(fd))) {
    while (dirent* entry = readdir(entries))
      if (entry->d_name[0] != '.') unlinkat(fd, entry->d_name, 0);
    closedir(entries);
  }
  unlinkat(parent, name, AT_REMOVEDIR);
}

// What a session left behind that was killed: its lock is gone with it. One made just now may not have its lock yet.
void sweep(const std::string& parent) {
  DIR* entries = opendir(parent.c_str());
  if (!entries) return;
  while (dirent* entry = readdir(entries)) {
    if (std::string(entry->d_name).rfind(kPrefix, 0) != 0) continue;
    util::UniqueFd fd(openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!fd || fstat(fd.get(), &info) < 0 || info.st_uid != geteuid() || time(nullptr) - info.st_mtime < 60 || flock(fd.get(), LOCK_EX | LOCK_NB) < 0) continue;
    remove_folder(dirfd(entries), entry->d_name, fd.get());
  }
  closedir(entries);
}

// Where an ordinary user may make a folder that no program of theirs looks into.
std::vector<std::string> candidates() {
  std::vector<std::string> result;
  const char* temporary = getenv("TMPDIR");
  result.push_back(temporary && *temporary ? temporary : "/tmp");
  result.push_back("/var/tmp");
  if (const char* runtime = getenv("XDG_RUNTIME_DIR")) result.push_back(runtime);
  result.push_back("/dev/shm");
  if (const char* cache = getenv("XDG_CACHE_HOME")) result.push_back(cache);
  if (const char* home = getenv("HOME")) {
    result.push_back(std::string(home) + "/.cache");
    result.push_back(home);
  }
  return result;
}

// On a file system that has none of these, as a project's own mount in a container: where the project's git, or else who
// looks at the project, does not look. Never the folder of the file itself, which the program may list.
std::vector<std::string> candidates_above(const std::string& file, dev_t device) {
  std::vector<std::string> above, result;
  struct stat info {};
  auto parent_of = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  for (std::string folder = parent_of(file); !folder.empty() && stat(folder.c_str(), &info) == 0 && info.st_dev == device; folder = parent_of(folder)) {
    const std::string git = folder + "/.git";
    if (stat(git.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_dev == device) result.push_back(git);
    above.push_back(folder);
  }
  for (size_t i = above.size(); i > 1; --i) result.push_back(above[i - 1]);
  return result;
}

}  // namespace

std::string real_path(const util::UniqueFd& fd) {
  char path[PATH_MAX];
  const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), path, sizeof path);
  return length > 0 && path[0] == '/' ? std::string(path, static_cast<size_t>(length)) : std::string();
}

bool link_pinned(const util::UniqueFd& pin, int directory, const char* name) {
  return linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(pin.get())).c_str(), directory, name, AT_SYMLINK_FOLLOW) == 0;
}

FileKeeper::~FileKeeper() {
  for (auto& [device, folder] : folders_)
    if (folder.fd) remove_folder(AT_FDCWD, folder.path.c_str(), folder.fd.get());
}

FileKeeper::Folder* FileKeeper::folder_for(dev_t device, const util::UniqueFd& pin) {
  auto [it, is_new] = folders_.try_emplace(device);
  if (!is_new) return it->second.fd ? &it->second : nullptr;
  auto places = candidates();
  const auto above = candidates_above(real_path(pin), device);
  places.insert(places.end(), above.begin(), above.end());
  for (auto& parent : places) {
    struct stat info {};
    if (stat(parent.c_str(), &info) < 0 || info.st_dev != device) continue;
    sweep(parent);
    std::string path = parent + "/" + kPrefix + "XXXXXX";
    if (!mkdtemp(path.data())) continue;
    it->second.fd.reset(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (it->second.fd) flock(it->second.fd.get(), LOCK_EX | LOCK_NB);
    it->second.path = path;
    break;
  }
  return it->second.fd ? &it->second : nullptr;
}

bool FileKeeper::keep(const util::UniqueFd& pin, FileId id) {
  auto* folder = folder_for(id.device, pin);
  return folder && (link_pinned(pin, folder->fd.get(), name_of(id).c_str()) || errno == EEXIST);
}

bool FileKeeper::give(FileId id, const std::string& path) {
  auto it = folders_.find(id.device);
  return it != folders_.end() && it->second.fd && linkat(it->second.fd.get(), name_of(id).c_str(), AT_FDCWD, path.c_str(), 0) == 0;
}

void FileKeeper::drop(FileId id) {
  if (auto it = folders_.find(id.device); it != folders_.end() && it->second.fd) unlinkat(it->second.fd.get(), name_of(id).c_str(), 0);
}

}  // namespace rollpoint::resources
