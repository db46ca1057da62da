#include "resources/files.h"

#include <fcntl.h>
#include <signal.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "util/error.h"

namespace rollpoint::resources {

using util::UniqueFd;

namespace {

FileId id_of(const struct stat& info) { return {info.st_dev, info.st_ino}; }

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return nanoseconds(time);
}

// A name more or less, or another mode, changes the time of change alone.
bool same_content_look(const struct stat& a, const struct stat& b) { return a.st_size == b.st_size && nanoseconds(a.st_mtim) == nanoseconds(b.st_mtim); }

// Stamps are those of the last clock tick before Linux 6.13: a second change within it leaves no trace.
bool too_fresh(const struct stat& seen, int64_t seen_at) { return seen_at - nanoseconds(seen.st_mtim) < 20'000'000; }

// Files whose reads and writes are the kernel's answers, not contents.
bool keeps_contents(int fd) {
  struct statfs info {};
  if (fstatfs(fd, &info) < 0) return false;
  switch (static_cast<unsigned long>(info.f_type)) {
    case PROC_SUPER_MAGIC: case SYSFS_MAGIC: case DEBUGFS_MAGIC: case TRACEFS_MAGIC: case CGROUP_SUPER_MAGIC: case CGROUP2_SUPER_MAGIC:
    case SECURITYFS_MAGIC: case HUGETLBFS_MAGIC: case BPF_FS_MAGIC:
      return false;
    default: return true;
  }
}

bool is_our_stdio(const struct stat& info) {
  for (int fd = 0; fd <= 2; ++fd) {
    struct stat ours {};
    if (fstat(fd, &ours) == 0 && S_ISREG(ours.st_mode) && id_of(ours) == id_of(info)) return true;
  }
  return false;
}

std::string pinned(const KnownFile& file) { return "/proc/self/fd/" + std::to_string(file.pin.get()); }

bool has_name(const std::string& target) { return target.starts_with('/') && !target.ends_with(" (deleted)"); }

// Half of the descriptors that our own process may have: the rest is for everything else.
size_t most_files() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 512;
}

// Entries of a renamed folder that are looked at, of those that the program has not touched: 20 µs each.
constexpr size_t kMostMoved = 16384;

std::string size_text(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  const uint64_t mib = bytes >> 20;
  return mib ? std::to_string(mib) + " MiB" : std::to_string(bytes >> 10) + " KiB";
}

// A file of another mount namespace gets no name in ours (link(2), EXDEV): the same one as seen from here, where it is.
UniqueFd from_our_mounts(UniqueFd pin, FileId id) {
  UniqueFd ours(open(real_path(pin).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  return ours && fstat(ours.get(), &info) == 0 && id_of(info) == id ? std::move(ours) : std::move(pin);
}

}  // namespace

// Null: nothing that can be kept.
std::shared_ptr<KnownFile> FileJournal::know(const char* path, int flags, const struct stat& info, bool with_content) {
  std::shared_ptr<KnownFile> file;
  if (auto it = files_.find(id_of(info)); it != files_.end()) {
    file = it->second.file;
  } else if (files_.size() >= most_files()) {
    too_many_ = true;
    return nullptr;
  } else {
    file = std::make_shared<KnownFile>();
    file->id = id_of(info);
    file->pin = from_our_mounts(UniqueFd(open(path, O_PATH | O_CLOEXEC | flags)), file->id);
    struct stat again {};
    if (!file->pin || fstat(file->pin.get(), &again) < 0 || id_of(again) != file->id) return nullptr;
    if (!keeps_contents(file->pin.get()) || is_our_stdio(info)) return nullptr;
    file->path = path;
    file->latest = std::make_shared<FileVersion>();
    file->latest->info = file->seen = again;
    file->latest->extended = read_extended_attributes(pinned(*file));
    file->seen_at = now();
    files_[file->id].file = file;
  }
  if (with_content) fill(*file);
  return file;
}

std::shared_ptr<KnownFolder> FileJournal::know_folder(const std::string& path, const struct stat& info) {
  auto& folder = folders_[id_of(info)];
  if (!folder) {
    folder = std::make_shared<KnownFolder>();
    folder->id = id_of(info);
    folder->pin.reset(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  return folder;
}

// Made anew: what snapshots know as this folder is the one at `path` from now on.
void FileJournal::renew(KnownFolder& folder, const std::string& path) {
  struct stat info {};
  UniqueFd pin(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  auto it = folders_.find(folder.id);
  if (!pin || fstat(pin.get(), &info) < 0 || it == folders_.end()) return;
  auto same = it->second;
  folders_.erase(it);
  folder.id = id_of(info);
  folder.pin = std::move(pin);
  folders_[folder.id] = std::move(same);
}

// Reads what `latest` lacks yet; the file is as it was when last looked at.
void FileJournal::fill(KnownFile& file) {
  auto& version = *file.latest;
  if (version.kept() || !version.why_not.empty()) return;
  UniqueFd fd(open(pinned(file).c_str(), O_RDONLY | O_CLOEXEC | O_NOATIME));
  if (!fd) fd.reset(open(pinned(file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    version.why_not = "the file cannot be read (" + util::errno_name(errno) + ").";
    return;
  }
  const uint64_t bytes = std::min(static_cast<uint64_t>(file.seen.st_blocks) * 512, static_cast<uint64_t>(file.seen.st_size));
  if (store_.bytes() + bytes > limit) {
    if (!keep_clone(file, fd.get(), version)) version.why_not = "they are " + size_text(bytes) + ", more than what is left of the " + size_text(limit) + " that are kept of files.";
    return;
  }
  try {
    version.blocks = read_blocks(pool_, fd.get(), file.seen.st_size, nullptr);
  } catch (const util::SysError& error) {
    version.why_not = std::string("the file cannot be read (") + error.what() + ").";
  }
}

// What is too large to be read may be shared on the disk.
bool FileJournal::keep_clone(const KnownFile& file, int fd, FileVersion& version) {
  const auto slash = file.path.rfind('/');
  if (slash == std::string::npos) return false;
  version.clone = clone_file(fd, file.path.substr(0, slash + 1));
  return version.clone != nullptr;
}

// Brings `latest` up to date, and finds out whose change it was.
void FileJournal::look(KnownFile& file) {
  struct stat info {};
  if (fstat(file.pin.get(), &info) < 0) return;
  const bool mine = ran_ && (!file.writers.empty() || file.noted);
  const bool touched = mine || nanoseconds(info.st_ctim) != nanoseconds(file.seen.st_ctim);
  auto extended = touched ? read_extended_attributes(pinned(file)) : file.latest->extended;
  const bool same = same_content_look(info, file.seen) && (!mine || nanoseconds(info.st_ctim) == nanoseconds(file.seen.st_ctim));
  if (same && !(mine && file.latest->kept() && (!file.mappers.empty() || too_fresh(file.seen, file.seen_at)))) {
    if (info.st_mode != file.seen.st_mode || info.st_uid != file.seen.st_uid || info.st_gid != file.seen.st_gid || extended != file.latest->extended) {
      file.latest = std::make_shared<FileVersion>(*file.latest);
      file.latest->info = info;
      file.latest->extended = std::move(extended);
    }
    file.seen = info;
    file.seen_at = now();
    return;
  }
  auto before = file.latest;
  file.latest = std::make_shared<FileVersion>();
  file.latest->info = file.seen = info;
  file.latest->extended = std::move(extended);
  file.seen_at = now();
  if (!mine) {
    ++file.generation;
    return;
  }
  if (!before->blocks) {
    file.latest->why_not = before->why_not;
    if (before->why_not.empty()) fill(file);
    return;
  }
  try {
    UniqueFd fd(open(pinned(file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) throw util::SysError("open", errno);
    const uint64_t bytes = static_cast<uint64_t>(info.st_blocks) * 512, former = static_cast<uint64_t>(before->info.st_blocks) * 512;
    if (store_.bytes() + (bytes > former ? bytes - former : 0) <= limit)
      file.latest->blocks = read_blocks(pool_, fd.get(), info.st_size, &*before->blocks);
    else if (!keep_clone(file, fd.get(), *file.latest))
      file.latest->why_not = "there is no room left in the " + size_text(limit) + " that are kept of files.";
  } catch (const util::SysError& error) {
    file.latest->why_not = std::string("the file cannot be read (") + error.what() + ").";
  }
}

NameState FileJournal::read_name(const std::string& path, bool with_content) {
  NameState state;
  struct stat info {};
  if (lstat(path.c_str(), &info) < 0) return state;
  state.id = id_of(info);
  if (S_ISREG(info.st_mode)) {
    state.kind = NameState::Kind::kFile;
    state.file = know(path.c_str(), O_NOFOLLOW, info, with_content);
    if (state.file) state.file->path = path;
  } else if (S_ISDIR(info.st_mode)) {
    state.kind = NameState::Kind::kDirectory;
    state.id = {};
    state.folder = know_folder(path, info);
    state.mode = info.st_mode & 07777;
  } else if (S_ISLNK(info.st_mode)) {
    state.kind = NameState::Kind::kLink;
    state.id = {};
    char target[4096];
    if (const ssize_t length = readlink(path.c_str(), target, sizeof target); length > 0) state.link.assign(target, static_cast<size_t>(length));
  } else {
    state.kind = NameState::Kind::kOther;
    state.id = {};
  }
  return state;
}

FileJournal::Watched& FileJournal::watch(const std::string& path, bool with_content) {
  auto [it, is_new] = names_.try_emplace(path);
  if (is_new) {
    it->second.base = it->second.latest = read_name(path, with_content);
    if (auto& file = it->second.base.file) {
      auto& base = files_[file->id];
      if (!base.version) base = {file, file->latest, file->generation};
    }
  }
  return it->second;
}

void FileJournal::look(const std::string& path, Watched& name) {
  auto state = read_name(path, false);
  if (state == name.latest && state.mode == name.latest.mode) return;
  // FIFOs and the like are put back by whoever knows what is in them.
  const bool special = state.kind == NameState::Kind::kOther || name.latest.kind == NameState::Kind::kOther;
  if (!(ran_ && name.noted) && !special) ++name.generation;
  name.latest = std::move(state);
}

void FileJournal::refresh() {
  for (auto& [path, name] : names_) look(path, name);
  for (auto& [id, base] : files_) look(*base.file);
}

// Its last name is about to go.
void FileJournal::keep_alive(KnownFile& file) {
  struct stat info {};
  if (fstat(file.pin.get(), &info) < 0 || info.st_nlink != 1) return;
  if (!keeper_.keep(file.pin, file.id)) fill(file);
  if (fstat(file.pin.get(), &info) == 0) file.seen = info;
}

// What stood there before is known, and what will stand there is the debuggee's doing.
void FileJournal::note_name(const std::string& path) {
  const bool known = names_.contains(path);
  auto& name = watch(path, false);
  if (known && !name.noted) look(path, name);
  name.noted = true;
}

// A folder takes along what is in it: each name below it stands for something else afterwards.
void FileJournal::note_moved(const std::string& from, const std::string& to) {
  struct stat info {};
  std::set<std::string> inside;
  for (const auto& [folder, other] : {std::pair{from, to}, {to, from}}) {
    if (lstat(folder.c_str(), &info) < 0 || !S_ISDIR(info.st_mode)) continue;
    for (auto it = names_.upper_bound(folder + '/'); it != names_.end() && it->first.starts_with(folder + '/'); ++it) inside.insert(it->first.substr(folder.size()));
    // Those that the program has not touched yet too: it may do so under their new names.
    std::error_code error;
    size_t seen = 0;
    for (std::filesystem::recursive_directory_iterator entry(folder, std::filesystem::directory_options::skip_permission_denied, error), end; !error && entry != end && seen < kMostMoved; entry.increment(error), ++seen)
      inside.insert(entry->path().string().substr(folder.size()));
    if (seen == kMostMoved) too_many_ = true;
  }
  for (auto& below : inside) {
    note_name(from + below);
    note_name(to + below);
  }
}

void FileJournal::note(const FileCall& call) {
  if (!call.to.empty()) note_moved(call.from, call.to);
  for (auto& place : call.places) {
    const bool known = names_.contains(place.path);
    auto& name = watch(place.path, place.content && !place.loses_name);
    if (known && !name.noted) look(place.path, name);
    const auto now = known ? read_name(place.path, false) : name.latest;
    name.noted = true;
    if (!now.file) continue;
    if (known && now.file->writers.empty() && !now.file->noted) look(*now.file);
    if (place.loses_name) {
      keep_alive(*now.file);
    } else if (place.content) {
      if (now.file->writers.empty() && !now.file->noted) fill(*now.file);
      now.file->noted = true;
    }
  }
}

FilesState FileJournal::capture(tracee::Process& process, const DescriptorTable& descriptors, const std::vector<memory::Vma>& maps, util::Warnings& warnings) {
  FilesState state;
  state.rewind = true;
  std::map<FileId, std::string> open_now;
  const std::string base = "/proc/" + std::to_string(process.pid()) + "/fd/";
  for (auto& [number, descriptor] : descriptors) {
    if (descriptor.kind != DescriptorKind::kFile || !descriptor.writable() || descriptor.target.starts_with("/memfd:")) continue;
    struct stat info {};
    const std::string path = base + std::to_string(number);
    if (descriptor.shares_with != number || stat(path.c_str(), &info) < 0) continue;
    const bool is_new = !files_.contains(id_of(info));
    if (auto file = know(path.c_str(), 0, info, false)) {
      if (is_new && captured_) files_[file->id].unseen = true;
      if (file->path.starts_with("/proc/")) file->path = descriptor.target;
      open_now.emplace(file->id, descriptor.target);
    }
  }
  std::set<FileId> mapped;
  for (auto& vma : maps) {
    struct stat info {};
    if (!vma.shared || !vma.writable() || !vma.is_file() || vma.is_shared_anonymous() || vma.is_memfd()) continue;
    // Of one that has lost its name only the times are at stake: its contents are memory's business.
    const bool known = vma.deleted() && files_.contains({vma.device, vma.inode});
    if (!known && (vma.deleted() || stat(vma.file_path().c_str(), &info) < 0 || info.st_ino != vma.inode || !S_ISREG(info.st_mode) || !know(vma.file_path().c_str(), 0, info, false))) continue;
    const FileId id = known ? FileId{vma.device, vma.inode} : id_of(info);
    mapped.insert(id);
    open_now.emplace(id, known ? vma.path : vma.file_path());
  }
  for (auto& [id, target] : open_now) {
    auto& file = *files_[id].file;
    file.writers.insert(process.pid());
    if (mapped.contains(id)) file.mappers.insert(process.pid());
    if (has_name(target)) watch(target, false).noted = true;
  }
  refresh();
  for (auto& [id, known] : files_) {
    auto& file = *known.file;
    if (!open_now.contains(id)) file.writers.erase(process.pid());
    if (!mapped.contains(id)) file.mappers.erase(process.pid());
    for (auto* pids : {&file.writers, &file.mappers}) std::erase_if(*pids, [&](pid_t pid) { return pid != process.pid() && kill(pid, 0) < 0 && errno == ESRCH; });
    file.noted = false;
    if (!file.writers.empty()) fill(file);
    state.files.emplace(id, FilesState::Content{known.file, file.latest, file.generation});
    if (!file.writers.empty() && !file.latest->why_not.empty()) warnings.push_back({"fileContent", "The contents of " + file.path + " do not come back: " + file.latest->why_not});
  }
  if (std::exchange(too_many_, false))
    warnings.push_back({"fileContent", "The program has changed more files than Rollpoint can keep track of (" + std::to_string(files_.size()) + "; one open descriptor each): those beyond do not come back. Start VS Code with a higher limit (ulimit -n)."});
  // Made and gone again since the last snapshot.
  std::erase_if(names_, [](auto& entry) {
    auto& name = entry.second;
    return !name.captured && name.base.kind == NameState::Kind::kAbsent && name.latest.kind == NameState::Kind::kAbsent;
  });
  for (auto& [path, name] : names_) {
    name.captured = true;
    name.noted = name.latest.file && !name.latest.file->writers.empty();
    state.names.emplace(path, FilesState::Name{name.latest, name.generation});
  }
  for (auto& [id, target] : open_now) state.written.insert(id);
  state.mapped = std::move(mapped);
  captured_ = true;
  ran_ = false;
  return state;
}

// What somebody has changed while the debuggee stood still was not its doing, whatever it has open.
void FileJournal::note_resume() {
  if (ran_) return;
  for (auto& [id, known] : files_)
    if (!known.file->writers.empty()) look(*known.file);
  ran_ = true;
}

void FileJournal::forget() {
  for (auto& [id, known] : files_) keeper_.drop(id);
  names_.clear();
  files_.clear();
  folders_.clear();
  captured_ = false;
  ran_ = true;
}

}  // namespace rollpoint::resources
