// Reads System V IPC: see system_v.h. Touches nothing.
#include <signal.h>
#include <sys/msg.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "resources/system_v.h"
#include "resources/system_v_kernel.h"
#include "util/error.h"

namespace rollpoint::resources {

using tracee::Process;

namespace {

constexpr unsigned kPermissions = 0777;
constexpr size_t kMostParents = 64;

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PPid:")) return atoi(line.c_str() + 5);
  return 0;
}

// The debuggee or a process that it has started.
bool in_tree(pid_t root, pid_t pid) {
  for (size_t depth = 0; pid > 1 && depth < kMostParents; ++depth, pid = parent_of(pid))
    if (pid == root) return true;
  return false;
}

uid_t owner_of(const Process& process) { return static_cast<uid_t>(atoi(process.status_field("Uid").c_str())); }

bool same_namespace(pid_t pid) {
  struct stat ours {}, theirs {};
  return stat("/proc/self/ns/ipc", &ours) < 0 || stat(("/proc/" + std::to_string(pid) + "/ns/ipc").c_str(), &theirs) < 0 || ours.st_ino == theirs.st_ino;
}

bool belongs_to(const ipc_perm& permissions, uid_t user) { return permissions.uid == user || permissions.cuid == user; }

SystemVObject object_of(const ipc_perm& permissions) {
  SystemVObject object;
  object.key = permissions.__key;
  object.mode = permissions.mode & kPermissions;
  return object;
}

void note_user(const Process& process, SystemVObject& object, pid_t user) {
  if (user <= 0) return;
  const bool ours = in_tree(process.pid(), user);
  object.ours = object.ours || ours;
  object.foreign = object.foreign || (!ours && kill(user, 0) == 0);
}

void read_sets(const Process& process, std::optional<uid_t>& user, std::map<int, SystemVObject>& sets) {
  seminfo information{};
  const int highest = semctl(0, 0, SEM_INFO, Argument{.information = &information});
  if (highest < 0 || information.semusz == 0) return;
  if (!user) user = owner_of(process);
  for (int index = 0; index <= highest; ++index) {
    semid_ds description{};
    const int id = semctl(index, 0, SEM_STAT, Argument{.description = &description});
    if (id < 0 || !belongs_to(description.sem_perm, *user)) continue;
    auto object = object_of(description.sem_perm);
    object.values.resize(description.sem_nsems);
    if (semctl(id, 0, GETALL, Argument{.array = object.values.data()}) < 0) continue;
    for (size_t i = 0; i < description.sem_nsems; ++i) note_user(process, object, semctl(id, static_cast<int>(i), GETPID));
    sets.emplace(id, std::move(object));
  }
}

void read_queues(const Process& process, std::optional<uid_t>& user, std::map<int, SystemVObject>& queues, util::Warnings& warnings) {
  msginfo information{};
  const int highest = msgctl(0, MSG_INFO, reinterpret_cast<msqid_ds*>(&information));
  if (highest < 0 || information.msgpool == 0) return;
  if (!user) user = owner_of(process);
  for (int index = 0; index <= highest; ++index) {
    msqid_ds description{};
    const int id = msgctl(index, MSG_STAT, &description);
    if (id < 0 || !belongs_to(description.msg_perm, *user)) continue;
    auto object = object_of(description.msg_perm);
    object.limit = description.msg_qbytes;
    note_user(process, object, description.msg_lspid);
    note_user(process, object, description.msg_lrpid);
    std::vector<char> buffer(sizeof(long) + description.__msg_cbytes + 1);
    for (msgqnum_t i = 0; i < description.msg_qnum; ++i) {
      const ssize_t length = msgrcv(id, buffer.data(), buffer.size() - sizeof(long), static_cast<long>(i), MSG_COPY | IPC_NOWAIT);
      if (length < 0) {
        // Kernels without CONFIG_CHECKPOINT_RESTORE cannot copy a message.
        if (object.ours) warnings.push_back({"messageQueue", "Messages of System V queue " + std::to_string(id) + " cannot be read without taking them: " + util::errno_name(errno) + "."});
        object.ours = false;
        break;
      }
      long type = 0;
      memcpy(&type, buffer.data(), sizeof type);
      object.messages.emplace_back(type, std::string(buffer.data() + sizeof type, static_cast<size_t>(length)));
    }
    queues.emplace(id, std::move(object));
  }
}

std::shared_ptr<std::string> content_of(int id, uint64_t size, const std::shared_ptr<std::string>& before) {
  constexpr uint64_t kMost = 64 << 20;
  const OurView view(size <= kMost ? id : -1, SHM_RDONLY);
  if (!view) return nullptr;
  if (before && before->size() == size && memcmp(before->data(), view.data(), size) == 0) return before;
  return std::make_shared<std::string>(view.data(), size);
}

void read_segments(const Process& process, std::optional<uid_t>& user, const SystemV* before, SystemV& result, util::Warnings& warnings) {
  auto& segments = result.segments;
  shm_info information{};
  const int highest = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&information));
  if (highest < 0 || information.used_ids == 0) return;
  if (!user) user = owner_of(process);
  std::vector<memory::Vma> maps;
  for (int index = 0; index <= highest; ++index) {
    shmid_ds description{};
    const int id = shmctl(index, SHM_STAT, &description);
    if (id < 0 || !belongs_to(description.shm_perm, *user)) continue;
    if (maps.empty()) maps = memory::read_maps(process.pid());
    auto object = object_of(description.shm_perm);
    object.limit = description.shm_segsz;
    object.removed = description.shm_perm.mode & SHM_DEST;
    note_user(process, object, description.shm_cpid);
    object.attached = std::any_of(maps.begin(), maps.end(), [&](auto& vma) { return vma.is_sysv() && vma.inode == static_cast<ino_t>(id); });
    if (object.ours && !object.attached && !object.removed) {
      std::shared_ptr<std::string> earlier;
      if (before)
        if (auto it = before->segments.find(id); it != before->segments.end()) earlier = it->second.content;
      object.content = content_of(id, object.limit, earlier);
      if (!object.content) warnings.push_back({"systemV", "The content of System V shared memory segment " + std::to_string(id) + ", which is not attached now, is not held: it is too big or not readable."});
    }
    segments.emplace(id, std::move(object));
  }
}

}  // namespace

SystemV read_system_v(const Process& process, const SystemV* before, util::Warnings& warnings) {
  SystemV result;
  if (!same_namespace(process.pid())) return result;
  std::optional<uid_t> user;
  read_sets(process, user, result.sets);
  read_queues(process, user, result.queues, warnings);
  read_segments(process, user, before, result, warnings);
  return result;
}

}  // namespace rollpoint::resources
