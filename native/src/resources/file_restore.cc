// Puts names and contents of files back: see files.h. What somebody else has changed is left alone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "resources/files.h"
#include "util/error.h"

namespace rollpoint::resources {

using util::UniqueFd;
using Kind = NameState::Kind;

namespace {

std::string pinned(const KnownFile& file) { return "/proc/self/fd/" + std::to_string(file.pin.get()); }

std::string aside(const std::string& path) { return path + ".rollpoint-new"; }

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

// For writing, also where its mode forbids that for now.
UniqueFd open_for_writing(const KnownFile& file) {
  UniqueFd fd(open(pinned(file).c_str(), O_RDWR | O_CLOEXEC));
  if (fd || errno != EACCES) return fd;
  struct stat info {};
  if (fstat(file.pin.get(), &info) < 0 || chmod(pinned(file).c_str(), (info.st_mode & 07777) | 0600) < 0) return fd;
  fd.reset(open(pinned(file).c_str(), O_RDWR | O_CLOEXEC));
  return fd;
}

// Mode, owner, extended attributes and times; what the rights do not allow stays.
void restore_attributes(const KnownFile& file, const FileVersion& version, util::Warnings* left) {
  const auto& wanted = version.info;
  struct stat now {};
  if (fstat(file.pin.get(), &now) < 0) return;
  const std::string path = pinned(file);
  if (version.extended != file.latest->extended) {
    // Only who may write to a file sets them; an access list and the mode change each other.
    if (!(now.st_mode & S_IWUSR)) chmod(path.c_str(), (now.st_mode & 07777) | S_IRUSR | S_IWUSR);
    if (!restore_extended_attributes(path, version.extended) && left)
      left->push_back({"fileContent", "The extended attributes of " + file.path + " could not be put back (" + util::errno_name(errno) + ")."});
    if (fstat(file.pin.get(), &now) < 0) return;
  }
  if (now.st_uid != wanted.st_uid || now.st_gid != wanted.st_gid) (void)!chown(path.c_str(), wanted.st_uid, wanted.st_gid);
  if ((now.st_mode & 07777) != (wanted.st_mode & 07777)) chmod(path.c_str(), wanted.st_mode & 07777);
  if (same_time(now.st_mtim, wanted.st_mtim)) return;
  const timespec times[2] = {wanted.st_atim, wanted.st_mtim};
  utimensat(AT_FDCWD, path.c_str(), times, 0);
}

util::Warning others_content(const KnownFile& file) { return {"fileContent", file.path + " was changed by somebody else since the snapshot; it is left as it is."}; }

util::Warning others_name(const std::string& path) { return {"fileName", path + " was made, removed or replaced by somebody else since the snapshot; it is left as it is."}; }

util::Warning unseen(const KnownFile& file) {
  return {"fileContent", file.path + " was opened for writing since the snapshot by a call that Rollpoint did not see; its contents stay as they are."};
}

util::Warning not_kept(const KnownFile& file, const FileVersion& version) {
  return {"fileContent", "The contents of " + file.path + " do not come back: " + (version.why_not.empty() ? "they were not known before it was opened for writing." : version.why_not)};
}

bool same_stamp(const FileVersion& a, const FileVersion& b) { return a.info.st_size == b.info.st_size && same_time(a.info.st_mtim, b.info.st_mtim); }

}  // namespace

// Null: the snapshot does not say, and nothing was known before it.
const FilesState::Name* FileJournal::find(const FilesState& wanted, const std::string& path) const {
  auto it = wanted.names.find(path);
  return it == wanted.names.end() ? nullptr : &it->second;
}

std::map<FileId, FilesState::Content> FileJournal::contents(const FilesState& wanted) const {
  auto result = wanted.files;
  for (auto& [id, base] : files_)
    if (base.version) result.emplace(id, FilesState::Content{base.file, base.version, base.generation});
  return result;
}

bool FileJournal::read_block(const FilesState& wanted, const FileId& id, uint64_t block, std::byte* out) const {
  if (!wanted.rewind) return false;
  const FileVersion* version = nullptr;
  if (auto it = wanted.files.find(id); it != wanted.files.end()) version = it->second.version.get();
  else if (auto base = files_.find(id); base != files_.end()) version = base->second.version.get();
  if (!version || block * memory::kPageSize >= static_cast<uint64_t>(version->info.st_size)) return false;
  if (version->clone) {
    const ssize_t got = pread(version->clone->get(), out, memory::kPageSize, static_cast<off_t>(block * memory::kPageSize));
    if (got >= 0) memset(out + got, 0, memory::kPageSize - static_cast<size_t>(got));
    return got >= 0;
  }
  if (!version->blocks) return false;
  memcpy(out, store_.data(version->blocks->find(block)), memory::kPageSize);
  return true;
}

const NameState* FileJournal::name_at(const FilesState& wanted, const std::string& path) const {
  if (auto* name = find(wanted, path)) return &name->state;
  auto it = names_.find(path);
  return it == names_.end() ? nullptr : &it->second.base;
}

bool FileJournal::will_exist(const FilesState& wanted, const std::string& path) const {
  if (!wanted.rewind) return false;
  if (auto* name = find(wanted, path)) return name->state.kind == Kind::kFile;
  auto it = names_.find(path);
  return it != names_.end() && it->second.base.kind == Kind::kFile;
}

util::Warnings FileJournal::foresee(const FilesState& wanted) {
  util::Warnings left;
  if (!wanted.rewind) return left;
  refresh();
  for (auto& [path, name] : names_) {
    const auto* found = find(wanted, path);
    if (differs(name, found ? found->state : name.base) && name.generation != (found ? found->generation : 0)) left.push_back(others_name(path));
  }
  for (auto& [id, content] : contents(wanted)) {
    auto& file = *content.file;
    if (content.generation != file.generation) left.push_back(others_content(file));
    else if (content.version != file.latest && !content.version->kept() && !same_stamp(*file.latest, *content.version)) left.push_back(not_kept(file, *content.version));
  }
  for (auto& [id, known] : files_)
    if (is_unseen(known, wanted)) left.push_back(unseen(*known.file));
  return left;
}

util::Warnings FileJournal::restore(pid_t pid, const FilesState& wanted) {
  util::Warnings left;
  if (!wanted.rewind) return left;
  refresh();
  restore_names(wanted, left);
  for (auto& [id, content] : contents(wanted)) {
    auto& file = *content.file;
    if (content.generation != file.generation) {
      left.push_back(others_content(file));
      continue;
    }
    restore_content(file, content.version, &left);
  }
  for (auto& [id, known] : files_) {
    auto& file = *known.file;
    if (is_unseen(known, wanted)) left.push_back(unseen(file));
    if (wanted.written.contains(id)) file.writers.insert(pid);
    else file.writers.erase(pid);
    if (wanted.mapped.contains(id)) file.mappers.insert(pid);
    else file.mappers.erase(pid);
    file.noted = false;
  }
  for (auto& [path, name] : names_) {
    name.latest = read_name(path, false);
    name.noted = name.latest.file && !name.latest.file->writers.empty();
  }
  // Names given and taken have changed their times.
  for (auto& [id, known] : files_)
    if (fstat(known.file->pin.get(), &known.file->seen) == 0) known.file->seen_at = 0;
  ran_ = false;
  return left;
}

void FileJournal::restore_content(KnownFile& file, const std::shared_ptr<FileVersion>& wanted, util::Warnings* left) {
  const bool changed = wanted != file.latest || !file.mappers.empty();
  if (!changed) return;
  if (!wanted->kept()) {
    // Never opened for writing while it was like this, or not kept: whoever has written since could not be undone.
    if (same_stamp(*file.latest, *wanted)) {
      restore_attributes(file, *wanted, left);
    } else if (left) {
      left->push_back(not_kept(file, *wanted));
      return;
    }
  } else {
    try {
      const auto fd = open_for_writing(file);
      if (!fd) throw util::SysError("open", errno);
      const auto* known = file.mappers.empty() && file.latest->blocks ? &*file.latest->blocks : nullptr;
      write_version(fd.get(), *wanted, known);
    } catch (const util::SysError& error) {
      if (left) left->push_back({"fileContent", "The contents of " + file.path + " could not be put back (" + error.what() + ")."});
      return;
    }
    restore_attributes(file, *wanted, left);
  }
  file.latest = wanted;
  if (fstat(file.pin.get(), &file.seen) == 0) file.seen_at = 0;  // whatever comes next is looked at anew
}

// `known`: what the file is known to hold.
void FileJournal::write_version(int fd, const FileVersion& wanted, const memory::PageTable* known) {
  if (wanted.clone) put_clone(fd, wanted.clone->get(), wanted.info.st_size);
  else write_blocks(pool_, fd, *wanted.blocks, wanted.info.st_size, known);
}

void FileJournal::finish(const FilesState& wanted) {
  if (!wanted.rewind) return;
  for (auto& [id, content] : contents(wanted)) {
    auto& file = *content.file;
    if (!file.mappers.empty() && content.generation == file.generation) restore_content(file, content.version, nullptr);
  }
}

// With all that is known to be in it.
void FileJournal::move_folder(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) < 0) return;
  std::vector<std::string> below{""};
  for (auto it = names_.upper_bound(from + '/'); it != names_.end() && it->first.starts_with(from + '/'); ++it) below.push_back(it->first.substr(from.size()));
  for (auto& name : below) names_.try_emplace(to + name);
  for (auto& [path, name] : names_) name.latest = read_name(path, false);
}

// Folders that are wanted stand where they are wanted, whatever is in them; those that are not are still there.
void FileJournal::restore_folders(const std::map<std::string, NameState>& wanted, util::Warnings& left) {
  for (auto& [path, state] : wanted) {  // outer ones first, by the order of their names
    if (state.kind != Kind::kDirectory) continue;
    const auto stands_at = [&] {
      return std::find_if(names_.begin(), names_.end(), [&](auto& entry) { return entry.second.latest.kind == Kind::kDirectory && state.folder && entry.second.latest.folder == state.folder; });
    };
    auto moved = stands_at();
    const auto now = names_.at(path).latest;
    if (now.kind == Kind::kFile || now.kind == Kind::kLink) {
      if (now.file) keep_alive(*now.file);
      unlink(path.c_str());
    } else if (now.kind == Kind::kDirectory && now.folder != state.folder) {
      const bool wanted_elsewhere = std::any_of(wanted.begin(), wanted.end(), [&](auto& entry) { return entry.second.kind == Kind::kDirectory && entry.second.folder == now.folder; });
      if (moved != names_.end() || wanted_elsewhere) move_folder(path, aside(path));
      moved = stands_at();
    }
    const bool is_new = names_.at(path).latest.kind != Kind::kDirectory;
    if (moved != names_.end() && moved->first != path) {
      move_folder(moved->first, path);
    } else if (mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) {
      left.push_back({"fileName", "The folder " + path + " could not be made again (" + util::errno_name(errno) + ")."});
      continue;
    } else if (state.folder && is_new) {
      renew(*state.folder, path);
    }
    chmod(path.c_str(), state.mode);
    auto& stands = names_.at(path).latest;
    stands = read_name(path, false);
    if (moved != names_.end() && stands.folder != state.folder) left.push_back({"fileName", "The folder " + path + " could not be put back: another one stands there."});
  }
}

// A file or link under its name again, in place of what stands there.
bool FileJournal::restore_name(const std::string& path, const NameState& wanted, util::Warnings& left) {
  const std::string temporary = aside(path);
  unlink(temporary.c_str());
  if (wanted.kind == Kind::kLink) return symlink(wanted.link.c_str(), temporary.c_str()) == 0 && rename(temporary.c_str(), path.c_str()) == 0;
  if (!wanted.file) return false;
  auto& file = *wanted.file;
  if (link_pinned(file.pin, AT_FDCWD, temporary.c_str()) || keeper_.give(file.id, temporary)) {
    if (rename(temporary.c_str(), path.c_str()) < 0) {
      unlink(temporary.c_str());
      return false;
    }
    keeper_.drop(file.id);
    return true;
  }
  if (!file.latest->kept()) return false;
  // Nothing leads to it any more: another file with the same content takes its place, for all snapshots.
  UniqueFd fd(open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return false;
  write_version(fd.get(), *file.latest, nullptr);
  if (rename(temporary.c_str(), path.c_str()) < 0) return false;
  left.push_back({"fileName", path + " was made anew with its contents; who had it open still has the former one."});
  return true;
}

bool FileJournal::differs(const Watched& name, const NameState& wanted) {
  const bool other_rights = wanted.kind == Kind::kDirectory && wanted.mode != name.latest.mode;
  return (other_rights || !(wanted == name.latest)) && wanted.kind != Kind::kOther;
}

std::map<std::string, NameState> FileJournal::names_to_restore(const FilesState& wanted, util::Warnings* left) {
  std::map<std::string, NameState> result;
  for (auto& [path, name] : names_) {
    const auto* found = find(wanted, path);
    const auto& state = found ? found->state : name.base;
    if (!differs(name, state)) continue;
    if (name.generation == (found ? found->generation : 0)) result.emplace(path, state);
    else if (left) left->push_back(others_name(path));
  }
  return result;
}

void FileJournal::restore_names(const FilesState& wanted, util::Warnings& left) {
  restore_folders(names_to_restore(wanted, &left), left);
  const auto to_do = names_to_restore(wanted, nullptr);
  // What is displaced may be wanted by another snapshot, or under a name that it gets later: it must not lose its last one.
  std::map<KnownFile*, nlink_t> displaced;
  for (auto& [path, state] : to_do)
    if (auto& now = names_.at(path).latest; now.file) ++displaced[now.file.get()];
  for (auto& [file, names] : displaced) {
    struct stat info {};
    if (names == 1 || fstat(file->pin.get(), &info) < 0 || info.st_nlink != names) keep_alive(*file);
    else if (!keeper_.keep(file->pin, file->id)) fill(*file);
  }
  for (auto it = to_do.rbegin(); it != to_do.rend(); ++it) {  // inner ones first
    const auto& [path, state] = *it;
    const auto now = names_.at(path).latest.kind;
    if (state.kind == Kind::kDirectory || (state.kind != Kind::kAbsent && now != Kind::kDirectory)) continue;
    const int failed = now == Kind::kDirectory ? rmdir(path.c_str()) : unlink(path.c_str());
    if (failed && errno != ENOENT) left.push_back({"fileName", path + " could not be removed (" + util::errno_name(errno) + ")."});
  }
  for (auto& [path, state] : to_do)
    if ((state.kind == Kind::kFile || state.kind == Kind::kLink) && !(state == names_.at(path).latest) && !restore_name(path, state, left))
      left.push_back({"fileName", path + " could not be put back (" + util::errno_name(errno) + ")."});
}

std::vector<std::string> FileJournal::compare(const FilesState& wanted) {
  std::vector<std::string> result;
  if (!wanted.rewind) return result;
  for (auto& [id, content] : wanted.files) {
    auto& file = *content.file;
    if (!content.version->kept() || content.generation != file.generation) continue;
    struct stat now {};
    UniqueFd fd(open(pinned(file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || fstat(fd.get(), &now) < 0) continue;
    const auto& info = content.version->info;
    const auto equal = [&](const FileVersion& version) {
      return version.clone ? equals_clone(fd.get(), version.clone->get(), info.st_size) : equals_blocks(pool_, fd.get(), *version.blocks, info.st_size);
    };
    if (now.st_size != info.st_size || !equal(*content.version)) result.push_back("The contents of " + file.path + " differ.");
    if ((now.st_mode & 07777) != (info.st_mode & 07777)) result.push_back("The mode of " + file.path + " differs.");
    if (!same_time(now.st_mtim, info.st_mtim)) result.push_back("The time of " + file.path + " differs.");
    if (content.version->extended != read_extended_attributes(pinned(file))) result.push_back("The extended attributes of " + file.path + " differ.");
  }
  for (auto& [path, name] : wanted.names) {
    auto it = names_.find(path);
    if (it == names_.end() || it->second.generation != name.generation) continue;
    const auto state = read_name(path, false);
    if (state.kind == Kind::kOther || name.state.kind == Kind::kOther) continue;
    if (!(state == name.state) && !(state.kind == Kind::kDirectory && name.state.kind == Kind::kDirectory)) result.push_back("The name " + path + " stands for something else.");
  }
  return result;
}

}  // namespace rollpoint::resources
