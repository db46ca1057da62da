// Contents and names of the regular files that the debuggee changes: what they were at each snapshot, putting that back,
// and telling its changes from those of others. One journal for all processes of a session.
// Knows descriptors and mappings as data; not who stops the debuggee.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "memory/maps.h"
#include "resources/descriptors.h"
#include "resources/file_calls.h"
#include "resources/file_content.h"
#include "resources/file_keeper.h"
#include "util/warning.h"

namespace rollpoint::resources {

/// A file that the debuggee may have changed since the session began, whatever it is called now.
struct KnownFile {
  FileId id;
  util::UniqueFd pin;  // O_PATH: the number of the inode is not used again
  std::string path;    // where it was last seen, for messages
  /// As it is now, as far as was looked; `seen` is what stat(2) said then, `seen_at` when that was (ns).
  std::shared_ptr<FileVersion> latest;
  struct stat seen {};
  int64_t seen_at = 0;
  /// Grows when somebody else has changed it: what was kept before is no longer put back.
  unsigned generation = 0;
  /// Processes that have it open for writing, or mapped shared and writable (a store need not change its times).
  std::set<pid_t> writers, mappers;
  bool noted = false;  // opened for writing, truncated since it was last looked at
};

struct KnownFolder {
  FileId id;
  util::UniqueFd pin;  // as above: the next folder that is made must not pass for this one
};

struct NameState {
  enum class Kind { kAbsent, kFile, kDirectory, kLink, kOther } kind = Kind::kAbsent;
  FileId id;                        // of a file
  std::shared_ptr<KnownFile> file;  // null where it cannot be kept
  std::shared_ptr<KnownFolder> folder;
  mode_t mode = 0;                  // of a directory
  std::string link;
  bool operator==(const NameState& other) const { return kind == other.kind && id == other.id && folder == other.folder && link == other.link; }
};

/// What one snapshot holds of files.
struct FilesState {
  bool rewind = false;
  struct Content {
    std::shared_ptr<KnownFile> file;
    std::shared_ptr<FileVersion> version;
    unsigned generation;
  };
  struct Name {
    NameState state;
    unsigned generation;
  };
  std::map<FileId, Content> files;
  std::map<std::string, Name> names;
  std::set<FileId> written, mapped;  // by the process itself, see KnownFile
};

class FileJournal {
 public:
  /// Bytes of contents kept at most, all snapshots together.
  uint64_t limit = uint64_t{512} << 20;

  FilesState capture(tracee::Process& process, const DescriptorTable& descriptors, const std::vector<memory::Vma>& maps, util::Warnings& warnings);
  /// The debuggee may have changed it.
  bool knows(const FileId& id) const { return files_.contains(id); }
  /// What `restore` would leave as it is.
  util::Warnings foresee(const FilesState& wanted);
  /// Names, then contents; before the layout, which maps files by name.
  util::Warnings restore(pid_t pid, const FilesState& wanted);
  /// After memory has been written: through shared mappings that changed files, and their times.
  void finish(const FilesState& wanted);
  std::vector<std::string> compare(const FilesState& wanted);
  /// A block of 4096 bytes as it will be once `wanted` is restored. False where nothing is known of the file.
  bool read_block(const FilesState& wanted, const FileId& id, uint64_t block, std::byte* out) const;
  /// All contents that `wanted` brings back.
  std::map<FileId, FilesState::Content> contents(const FilesState& wanted) const;
  /// What `path` will be then; null where nobody knows.
  const NameState* name_at(const FilesState& wanted, const std::string& path) const;
  /// Whether `path` is there once `wanted` is restored.
  bool will_exist(const FilesState& wanted, const std::string& path) const;

  /// The debuggee stands before a call that changes files or names: keeps what was there.
  void note(const FileCall& call);
  void note_resume();
  void forget();
  uint64_t bytes() const { return store_.bytes(); }

 private:
  struct Watched {
    NameState base, latest;
    unsigned generation = 0;
    bool noted = false;
    bool captured = false;  // a snapshot names it
  };
  struct Base {
    std::shared_ptr<KnownFile> file;
    std::shared_ptr<FileVersion> version;  // null: it did not exist, or nobody saw it
    unsigned generation = 0;
    bool unseen = false;  // opened for writing since the first snapshot without a call that we saw
  };
  std::shared_ptr<KnownFile> know(const char* path, int flags, const struct stat& info, bool with_content);
  std::shared_ptr<KnownFolder> know_folder(const std::string& path, const struct stat& info);
  void renew(KnownFolder& folder, const std::string& path);
  void look(KnownFile& file);
  void look(const std::string& path, Watched& name);
  NameState read_name(const std::string& path, bool with_content);
  Watched& watch(const std::string& path, bool with_content);
  void note_name(const std::string& path);
  void note_moved(const std::string& from, const std::string& to);
  void move_folder(const std::string& from, const std::string& to);
  void fill(KnownFile& file);
  bool keep_clone(const KnownFile& file, int fd, FileVersion& version);
  void write_version(int fd, const FileVersion& wanted, const memory::PageTable* known);
  void keep_alive(KnownFile& file);
  void refresh();
  const FilesState::Name* find(const FilesState& wanted, const std::string& path) const;

  /// Whether what stands there is to be replaced.
  static bool differs(const Watched& name, const NameState& wanted);
  void restore_names(const FilesState& wanted, util::Warnings& left);
  std::map<std::string, NameState> names_to_restore(const FilesState& wanted, util::Warnings* left);
  void restore_folders(const std::map<std::string, NameState>& wanted, util::Warnings& left);
  bool restore_name(const std::string& path, const NameState& wanted, util::Warnings& left);
  void restore_content(KnownFile& file, const std::shared_ptr<FileVersion>& wanted, util::Warnings* left);
  bool is_unseen(const Base& base, const FilesState& wanted) const { return base.unseen && !base.version && !wanted.files.contains(base.file->id); }

  memory::PageStore store_;
  memory::PageTablePool pool_{store_};
  FileKeeper keeper_;
  std::map<std::string, Watched> names_;
  std::map<FileId, Base> files_;
  std::map<FileId, std::shared_ptr<KnownFolder>> folders_;
  bool captured_ = false;
  bool too_many_ = false;  // files were met of which no descriptor could be kept
  bool ran_ = true;  // the debuggee has run since all was looked at
};

}  // namespace rollpoint::resources
