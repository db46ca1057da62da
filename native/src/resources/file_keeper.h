// Keeps files alive that the debuggee unlinks: by a second name in a folder of ours on the same file system, so that they
// can get their first one back as the very same file. The folder goes when the last debuggee does.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "util/unique_fd.h"

namespace rollpoint::resources {

/// What a file is, whatever its name.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

class FileKeeper {
 public:
  FileKeeper() = default;
  ~FileKeeper();
  FileKeeper(const FileKeeper&) = delete;

  /// `pin`: an O_PATH descriptor of the file. False where the file system or the rights of its owner forbid.
  bool keep(const util::UniqueFd& pin, FileId id);
  /// Gives a kept file the name `path`, which does not exist.
  bool give(FileId id, const std::string& path);
  /// The name is no longer needed.
  void drop(FileId id);

 private:
  struct Folder {
    std::string path;
    util::UniqueFd fd;
  };
  /// `pin`: a file there.
  Folder* folder_for(dev_t device, const util::UniqueFd& pin);
  static std::string name_of(FileId id) { return std::to_string(id.inode); }

  std::map<dev_t, Folder> folders_;
};

/// The name of what is open as `fd`, without symbolic links; empty where it has none.
std::string real_path(const util::UniqueFd& fd);
/// Gives the file behind `pin` a name more. False, with errno, where that cannot be.
bool link_pinned(const util::UniqueFd& pin, int directory, const char* name);

}  // namespace rollpoint::resources
