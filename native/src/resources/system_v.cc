#include "resources/system_v.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "resources/system_v_kernel.h"
#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

// The next object made gets this id, where we may say so (CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN).
std::string next_id_path(const char* kind) { return std::string("/proc/sys/kernel/") + kind + "_next_id"; }

void wish_for_id(const char* kind, int id) {
  const util::UniqueFd fd(open(next_id_path(kind).c_str(), O_WRONLY | O_CLOEXEC));
  const auto text = std::to_string(id);
  if (fd && write(fd.get(), text.data(), text.size()) < 0) return;
}

// One kind of object; the table below has three of them.
struct Kind {
  const char* name;     // for people
  const char* next_id;  // /proc/sys/kernel/…_next_id
  uint64_t control, get;
};
constexpr Kind kSets{"semaphore set", "sem", SYS_semctl, SYS_semget};
constexpr Kind kQueues{"message queue", "msg", SYS_msgctl, SYS_msgget};
constexpr Kind kSegments{"shared memory segment", "shm", SYS_shmctl, SYS_shmget};

std::string describe(const Kind& kind, int id) { return std::string("System V ") + kind.name + " " + std::to_string(id); }

void remove(RemoteSyscalls& remote, const Kind& kind, int id) {
  if (kind.control == SYS_semctl) remote.call(kind.control, static_cast<uint64_t>(id), 0, IPC_RMID, 0);
  else remote.call(kind.control, static_cast<uint64_t>(id), IPC_RMID, 0);
}

bool make_once(RemoteSyscalls& remote, const Kind& kind, int id, const SystemVObject& wanted) {
  wish_for_id(kind.next_id, id);
  const uint64_t flags = IPC_CREAT | IPC_EXCL | wanted.mode;
  const auto key = static_cast<uint64_t>(static_cast<uint32_t>(wanted.key));
  int64_t made = -1;
  if (kind.get == SYS_msgget) made = remote.call(kind.get, key, flags);
  else made = remote.call(kind.get, key, kind.get == SYS_semget ? wanted.values.size() : wanted.limit, flags);
  if (made == id) return true;
  wish_for_id(kind.next_id, -1);
  if (made >= 0) remove(remote, kind, static_cast<int>(made));
  return false;
}

// True where it is there again under its id; else it is not there. The wish is the system's, not ours: whoever makes an
// object meanwhile gets what we wished for, and lets go of it or not.
bool make(RemoteSyscalls& remote, const Kind& kind, int id, const SystemVObject& wanted) {
  for (int i = 0; i < 3; ++i)
    if (make_once(remote, kind, id, wanted)) return true;
  return false;
}

void refill_queue(RemoteSyscalls& remote, int id, size_t now, const SystemVObject& wanted) {
  const auto number = static_cast<uint64_t>(id);
  // Each is taken whole, whatever its length.
  std::vector<RemoteCall> takes(now, RemoteCall{SYS_msgrcv, {number, remote.buffer(), 0, 0, IPC_NOWAIT | MSG_NOERROR}});
  remote.batch(takes);
  std::vector<RemoteCall> sends;
  size_t used = 0;
  for (auto& [type, text] : wanted.messages) {
    const size_t size = (sizeof(long) + text.size() + 7) & ~size_t{7};
    if (used + size > remote.buffer_size()) {
      remote.batch(sends);
      sends.clear();
      used = 0;
    }
    remote.put(&type, sizeof type, used);
    remote.put(text.data(), text.size(), used + sizeof type);
    sends.push_back({SYS_msgsnd, {number, remote.buffer() + used, text.size(), IPC_NOWAIT}});
    used += size;
  }
  remote.batch(sends);
}

void put_mode(RemoteSyscalls& remote, const Kind& kind, int id, const SystemVObject& wanted) {
  const auto number = static_cast<uint64_t>(id);
  if (kind.control == SYS_semctl) {
    semid_ds description{};
    if (semctl(id, 0, IPC_STAT, Argument{.description = &description}) < 0) return;
    description.sem_perm.mode = static_cast<unsigned short>(wanted.mode);
    remote.call(kind.control, number, 0, IPC_SET, remote.put(&description, sizeof description));
  } else if (kind.control == SYS_msgctl) {
    msqid_ds description{};
    if (msgctl(id, IPC_STAT, &description) < 0) return;
    description.msg_perm.mode = static_cast<unsigned short>(wanted.mode);
    description.msg_qbytes = wanted.limit;
    remote.call(kind.control, number, IPC_SET, remote.put(&description, sizeof description));
  } else {
    shmid_ds description{};
    if (shmctl(id, IPC_STAT, &description) < 0) return;
    description.shm_perm.mode = static_cast<unsigned short>(wanted.mode);
    remote.call(kind.control, number, IPC_SET, remote.put(&description, sizeof description));
  }
}

bool is_there(const Kind& kind, int id) {
  if (kind.control == SYS_semctl) return semctl(id, 0, GETVAL) >= 0 || (errno != EINVAL && errno != EIDRM);
  if (kind.control == SYS_msgctl) {
    msqid_ds description{};
    return msgctl(id, IPC_STAT, &description) == 0 || (errno != EINVAL && errno != EIDRM);
  }
  shmid_ds description{};
  return shmctl(id, IPC_STAT, &description) == 0 || (errno != EINVAL && errno != EIDRM);
}

bool may_choose_ids(const Kind& kind) { return faccessat(AT_FDCWD, next_id_path(kind.next_id).c_str(), W_OK, AT_EACCESS) == 0; }

// The object that has the place of `id`, which is its number without the count of its use (ipc/util.h). -1: none.
int neighbour(const Kind& kind, int id) {
  const int place = id & 0x7fff;
  if (kind.control == SYS_semctl) {
    semid_ds description{};
    return semctl(place, 0, SEM_STAT, Argument{.description = &description});
  }
  if (kind.control == SYS_msgctl) {
    msqid_ds description{};
    return msgctl(place, MSG_STAT, &description);
  }
  shmid_ds description{};
  return shmctl(place, SHM_STAT, &description);
}

util::Warning gone(const Kind& kind, int id) {
  const std::string why = may_choose_ids(kind) ? "another program has taken its id." : "only a privileged user can make one with the same id again.";
  return {"systemV", "The " + describe(kind, id) + " was removed since the snapshot; " + why + " What the program does with it will fail."};
}

bool same_content(const SystemVObject& a, const SystemVObject& b) { return a.values == b.values && a.messages == b.messages && a.content == b.content; }

void restore_kind(RemoteSyscalls& remote, const Kind& kind, const std::map<int, SystemVObject>& now, const std::map<int, SystemVObject>& wanted, util::Warnings& left) {
  for (auto& [id, object] : now) {
    // One without a key is in nobody's way, and a snapshot may still know its id.
    const bool in_the_way = object.key != IPC_PRIVATE || geteuid() == 0;
    if (!wanted.contains(id) && object.ours && in_the_way && !object.removed) remove(remote, kind, id);
  }
  for (auto& [id, object] : wanted) {
    auto it = now.find(id);
    SystemVObject current;
    if (it == now.end()) {
      if (!object.ours || (object.removed && !object.attached)) continue;
      if (!make(remote, kind, id, object)) {
        if (!object.removed) left.push_back(gone(kind, id));
        continue;
      }
      current.mode = object.mode;
      current.limit = object.limit;
      current.values.resize(object.values.size());
    } else {
      current = it->second;
    }
    if (!same_content(current, object)) {
      // Contents that are equal are shared with those of `wanted`.
      if (it != now.end() && current.foreign) {
        left.push_back({"systemV", "The " + describe(kind, id) + " has been changed by a process outside the program since the snapshot; it stays as it is."});
        continue;
      }
      if (kind.get == SYS_semget) remote.call(SYS_semctl, static_cast<uint64_t>(id), 0, SETALL, remote.put(object.values.data(), object.values.size() * sizeof(unsigned short)));
      else if (kind.get == SYS_msgget) refill_queue(remote, id, current.messages.size(), object);
    }
    if (object.ours && (current.mode != object.mode || (kind.get == SYS_msgget && current.limit != object.limit))) put_mode(remote, kind, id, object);
    if (kind.get != SYS_shmget) continue;
    if (object.removed && !current.removed) remove(remote, kind, id);
    if (!object.removed && current.removed) left.push_back({"systemV", "The " + describe(kind, id) + " has been marked as removed since the snapshot; it ends with its last mapping."});
    if (!object.content) continue;
    const OurView view(id, 0);
    if (view && current.limit == object.limit) memcpy(view.data(), object.content->data(), object.content->size());
    else left.push_back({"systemV", "The content of the " + describe(kind, id) + " could not be put back."});
  }
}

void compare_kind(const Kind& kind, const std::map<int, SystemVObject>& now, const std::map<int, SystemVObject>& wanted, std::vector<std::string>& result) {
  for (auto& [id, object] : wanted) {
    if (!object.ours) continue;
    const auto it = now.find(id);
    if (it == now.end()) result.push_back("the " + describe(kind, id) + " is missing");
    else if (!same_content(it->second, object) || it->second.mode != object.mode) result.push_back("the " + describe(kind, id) + " differs");
  }
}

}  // namespace

util::Warnings foresee_system_v(const SystemV& wanted) {
  util::Warnings left;
  const std::pair<const Kind&, const std::map<int, SystemVObject>&> all[] = {{kSets, wanted.sets}, {kQueues, wanted.queues}, {kSegments, wanted.segments}};
  for (auto& [kind, objects] : all)
    for (auto& [id, object] : objects)
      if (object.ours && !object.removed && !is_there(kind, id) && (!may_choose_ids(kind) || neighbour(kind, id) >= 0)) left.push_back(gone(kind, id));
  return left;
}

util::Warnings restore_system_v(Process& process, const SystemV& wanted) {
  util::Warnings left;
  const auto now = read_system_v(process, &wanted, left);
  auto none = [](const SystemV& state) { return state.sets.empty() && state.queues.empty() && state.segments.empty(); };
  if (none(now) && none(wanted)) return left;
  RemoteSyscalls remote(process);
  restore_kind(remote, kSets, now.sets, wanted.sets, left);
  restore_kind(remote, kQueues, now.queues, wanted.queues, left);
  restore_kind(remote, kSegments, now.segments, wanted.segments, left);
  return left;
}

std::vector<std::string> compare_system_v(const Process& process, const SystemV& wanted) {
  std::vector<std::string> result;
  util::Warnings unused;
  const auto now = read_system_v(process, &wanted, unused);
  compare_kind(kSets, now.sets, wanted.sets, result);
  compare_kind(kQueues, now.queues, wanted.queues, result);
  compare_kind(kSegments, now.segments, wanted.segments, result);
  return result;
}

bool attached_elsewhere(int id, std::initializer_list<pid_t> pids) {
  shmid_ds description{};
  if (shmctl(id, IPC_STAT, &description) < 0) return false;
  auto left = static_cast<int64_t>(description.shm_nattch);
  for (pid_t pid : pids)
    if (pid)
      for (auto& vma : memory::read_maps(pid)) left -= vma.is_sysv() && vma.inode == static_cast<ino_t>(id);
  return left > 0;
}

std::vector<util::Range> keep_out_of_clones(RemoteSyscalls& remote, pid_t pid) {
  std::vector<util::Range> segments;
  shm_info information{};
  if (shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&information)) < 0 || information.used_ids == 0) return segments;
  for (auto& vma : memory::read_maps(pid))
    if (vma.is_sysv()) segments.push_back(vma.range());
  if (segments.empty()) return segments;
  // What the program itself keeps out of its children stays so.
  for (auto& vma : memory::read_smaps_flags(pid))
    if (vma.flags.dc) std::erase_if(segments, [&](auto& range) { return range.start == vma.start; });
  std::vector<RemoteCall> calls;
  for (auto& range : segments) calls.push_back({SYS_madvise, {range.start, range.bytes(), MADV_DONTFORK}});
  remote.batch(calls);
  return segments;
}

void let_into_clones(RemoteSyscalls& remote, const std::vector<util::Range>& segments) {
  std::vector<RemoteCall> calls;
  for (auto& range : segments) calls.push_back({SYS_madvise, {range.start, range.bytes(), MADV_DOFORK}});
  remote.batch(calls);
}

void attach_segment(RemoteSyscalls& remote, const memory::Vma& vma, uint64_t start, uint64_t size) {
  const uint64_t offset = vma.offset + (start - vma.start);
  const uint64_t flags = (vma.writable() ? 0 : SHM_RDONLY) | (vma.prot & PROT_EXEC ? SHM_EXEC : 0);
  const int id = static_cast<int>(vma.inode);
  // Taken, so that the segment is first attached elsewhere: mremap refuses to move a mapping onto itself.
  remote.require("map", SYS_mmap, start, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, ~uint64_t{0}, 0);
  int64_t at = remote.call(SYS_shmat, static_cast<uint64_t>(id), 0, flags);
  uint64_t length = offset + size;
  if (at == -EINVAL || at == -EIDRM) {
    SystemVObject object;
    // The name has the key (ipc/shm.c): SYSV, eight hexadecimal digits.
    object.key = static_cast<key_t>(strtoul(vma.path.c_str() + strlen("/SYSV"), nullptr, 16));
    object.mode = 0600;
    object.limit = length;
    if (make(remote, kSegments, id, object)) {
      at = remote.call(SYS_shmat, static_cast<uint64_t>(id), 0, flags);
    } else {
      const auto made = remote.require("make the shared memory segment again", SYS_shmget, IPC_PRIVATE, length, IPC_CREAT | 0600);
      at = remote.call(SYS_shmat, made, 0, flags);
      remote.call(SYS_shmctl, made, IPC_RMID, 0);
    }
  }
  if (at < 0 && at >= -4095) throw util::SysError("attach a shared memory segment in the program", static_cast<int>(-at));
  // All of a segment is attached; what is wanted may be a piece of it, at another place.
  shmid_ds description{};
  if (shmctl(id, IPC_STAT, &description) == 0) length = (description.shm_segsz + 4095) & ~uint64_t{4095};
  const auto mapped = static_cast<uint64_t>(at);
  remote.require("move a shared memory segment", SYS_mremap, mapped + offset, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, start);
  if (offset) remote.call(SYS_munmap, mapped, offset);
  if (offset + size < length) remote.call(SYS_munmap, mapped + offset + size, length - offset - size);
}

}  // namespace rollpoint::resources
