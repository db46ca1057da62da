#include "resources/outside_holders.h"

#include <dirent.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace rollpoint::resources {

namespace {

template <class Visit>
void each_entry(const std::string& folder, Visit visit) {
  DIR* directory = opendir(folder.c_str());
  if (!directory) return;
  while (dirent* entry = readdir(directory)) visit(dirfd(directory), entry->d_name);
  closedir(directory);
}

}  // namespace

std::set<ino_t> held_outside(Holders holders, const std::set<ino_t>& inodes) {
  std::set<ino_t> held;
  if (inodes.empty()) return held;
  each_entry("/proc", [&](int, const char* name) {
    const pid_t pid = atoi(name);
    if (pid <= 0 || pid == getpid()) return;
    // The frozen twin has the descriptor table of a process of the tree.
    const auto is_of_tree = [&](const Holder& holder) { return holder.process->pid() == pid || syscall(SYS_kcmp, holder.process->pid(), pid, KCMP_FILES, 0, 0) == 0; };
    std::set<ino_t> here;
    each_entry("/proc/" + std::string(name) + "/fd", [&](int folder, const char* number) {
      struct stat info {};
      if (fstatat(folder, number, &info, 0) == 0 && S_ISSOCK(info.st_mode) && inodes.contains(info.st_ino)) here.insert(info.st_ino);
    });
    if (!here.empty() && std::none_of(holders.begin(), holders.end(), is_of_tree)) held.merge(here);
  });
  return held;
}

}  // namespace rollpoint::resources
