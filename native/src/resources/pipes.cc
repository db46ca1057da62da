#include "resources/pipes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "util/error.h"

namespace rollpoint::resources {

using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

constexpr int kFlags = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
constexpr size_t kLargestPacket = 4096;  // a page: what is longer, the kernel splits (pipe(2))

std::string own_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// A new open file description on the same pipe.
UniqueFd reopen(int fd, int flags) { return UniqueFd(open(own_path(fd).c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)); }

int bytes_in(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : -1;
}

// Until it is empty. A read ends at the bound of a packet, and `packets` keeps the bounds.
std::vector<std::string> drain(int fd, bool packets) {
  std::vector<std::string> content;
  std::string buffer(1 << 16, '\0');
  for (ssize_t n; (n = read(fd, buffer.data(), buffer.size())) > 0;) {
    if (packets || content.empty()) content.emplace_back();
    content.back().append(buffer.data(), static_cast<size_t>(n));
  }
  return content;
}

// What is in the pipe, without taking it out: its buffers are shared into a pipe of ours. Nothing where that fails.
std::optional<std::vector<std::string>> peek(int fd, bool packets) {
  const int bytes = bytes_in(fd);
  if (bytes < 0) return std::nullopt;
  if (bytes == 0) return std::vector<std::string>{};
  int scratch[2];
  if (pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0) return std::nullopt;
  const UniqueFd out(scratch[0]), in(scratch[1]);
  const int capacity = fcntl(fd, F_GETPIPE_SZ);
  if (fcntl(in.get(), F_GETPIPE_SZ) < capacity) fcntl(in.get(), F_SETPIPE_SZ, capacity);
  if (tee(fd, in.get(), static_cast<size_t>(bytes), SPLICE_F_NONBLOCK) != bytes) return std::nullopt;
  return drain(out.get(), packets);
}

bool fill(int fd, const std::vector<std::string>& content, bool packets) {
  fcntl(fd, F_SETFL, O_NONBLOCK | (packets ? O_DIRECT : 0));
  for (auto& chunk : content)
    for (size_t at = 0; at < chunk.size();) {
      const ssize_t n = write(fd, chunk.data() + at, packets ? std::min(chunk.size() - at, kLargestPacket) : chunk.size() - at);
      if (n <= 0) return false;
      at += static_cast<size_t>(n);
    }
  return true;
}

size_t size_of(const std::vector<std::string>& content) {
  size_t bytes = 0;
  for (auto& chunk : content) bytes += chunk.size();
  return bytes;
}

// The other end of a pipe of which the tree holds one kind only: poll tells whether anybody has it.
bool has_other_end(int fd, int flags) {
  pollfd state{fd, POLLIN | POLLOUT, 0};
  if (poll(&state, 1, 0) < 0) return true;
  return !(state.revents & ((flags & O_ACCMODE) == O_RDONLY ? POLLHUP : POLLERR));
}

// A FIFO whose name was taken away since is made anew for all who hold it; one that had no name loses the one it has.
void restore_name(const SharedIdentity& identity, const Pipe& pipe) {
  struct stat info {};
  const bool stands = stat(pipe.path.c_str(), &info) == 0;
  if (!pipe.unlinked && !stands) unbind(identity);
  if (pipe.unlinked && stands && ObjectKey(info.st_dev, info.st_ino) == identity->now) unlink(pipe.path.c_str());
}

util::Warning passed(Holders holders, const SharedIdentity& identity) {
  return {"pipe", "The pipe end at " + name_numbers(holders, identity) + " leads to another process: what has passed through it since the snapshot stays as it is."};
}

}  // namespace

Pipes read_pipes(Holders holders, util::Warnings& warnings) {
  struct Ends {
    UniqueFd fd;
    int access = 0;  // of fd
    bool reader = false, writer = false, packets = false, only_standard = true;
    const Descriptor* descriptor = nullptr;
  };
  std::map<SharedIdentity, Ends> found;
  std::optional<std::set<ObjectKey>> ours;
  for (auto& holder : holders)
    for (auto& [number, descriptor] : *holder.table) {
      if (descriptor.kind != DescriptorKind::kPipe || descriptor.flags & O_PATH) continue;
      if (!ours) ours = shared_with_us(holders);
      if (ours->contains({descriptor.device, descriptor.inode})) continue;
      auto& ends = found[descriptor.identity];
      const int access = descriptor.flags & O_ACCMODE;
      ends.reader |= access != O_WRONLY;
      ends.writer |= access != O_RDONLY;
      ends.packets |= (descriptor.flags & O_DIRECT) != 0;
      ends.only_standard &= number <= 2;
      ends.descriptor = &descriptor;
      // One that can be read, where there is one.
      if (!ends.fd || (ends.access == O_WRONLY && access != O_WRONLY)) {
        ends.fd = duplicate_of(*holder.process, number);
        ends.access = access;
      }
    }
  Pipes pipes;
  for (auto& [identity, ends] : found) {
    if (!ends.fd) continue;
    Pipe pipe;
    pipe.packets = ends.packets;
    pipe.capacity = fcntl(ends.fd.get(), F_GETPIPE_SZ);
    struct stat info {};
    if (fstat(ends.fd.get(), &info) == 0) pipe.mode = info.st_mode & 07777;
    if (!ends.descriptor->target.starts_with("pipe:")) {
      constexpr std::string_view kDeleted = " (deleted)";
      pipe.path = ends.descriptor->target;
      pipe.unlinked = info.st_nlink == 0;
      if (pipe.unlinked && pipe.path.ends_with(kDeleted)) pipe.path.resize(pipe.path.size() - kDeleted.size());
    }
    if (!(ends.reader && ends.writer)) pipe.outside = has_other_end(ends.fd.get(), ends.access);
    if (pipe.outside) {
      if (!ends.only_standard) warnings.push_back({"pipe", "The pipe end at " + name_numbers(holders, identity) + " leads to another process: bytes in flight are not rolled back."});
    } else {
      const UniqueFd reader = ends.reader ? UniqueFd() : reopen(ends.fd.get(), O_RDONLY);
      const int from = ends.reader ? ends.fd.get() : reader.get();
      if (auto content = peek(from, pipe.packets)) pipe.content = std::move(*content);
      else warnings.push_back({"pipe", "The bytes in flight in the pipe at " + name_numbers(holders, identity) + " could not be read: they do not come back."}), pipe.outside = true;
    }
    pipes.emplace(identity, std::move(pipe));
  }
  return pipes;
}

Likeness recognise_pipe_end(const tracee::Process& process, int number, const Descriptor& wanted) {
  const auto fd = duplicate_of(process, number);
  const int flags = fd && key_of(fd.get()) == wanted.identity->now ? fcntl(fd.get(), F_GETFL) : -1;
  if (flags < 0 || (flags ^ wanted.flags) & O_ACCMODE) return Likeness::kOther;
  return (flags ^ wanted.flags) & kFlags ? Likeness::kAlike : Likeness::kSame;
}

PipesRollback::PipesRollback(Holders wanted, const Pipes& pipes) : holders_(wanted), pipes_(pipes) {
  if (pipes.empty()) return;
  std::set<ObjectKey> keys;
  for (auto& [identity, pipe] : pipes) {
    if (!pipe.path.empty() && !pipe.outside) restore_name(identity, pipe);
    keys.insert(identity->now);
  }
  ends_ = live_ends(wanted, DescriptorKind::kPipe, keys);
  auto live = by_key(ends_);
  for (auto& [identity, pipe] : pipes) {
    auto& work = work_[identity];
    work.live = std::move(live[identity->now]);
    if (!work.live.empty() && !pipe.outside) work.both = reopen(work.live.front()->fd.get(), O_RDWR);
  }
}

UniqueFd PipesRollback::recreate(size_t holder, const Descriptor& wanted) {
  const auto it = pipes_.find(wanted.identity);
  if (it == pipes_.end()) return UniqueFd();
  auto& work = work_[wanted.identity];
  const int access = wanted.flags & O_ACCMODE;
  if (it->second.outside) return work.live.empty() ? UniqueFd() : reopen(work.live.front()->fd.get(), access);
  if (!work.both && !revive(holder, wanted.identity, it->second)) return UniqueFd();
  return reopen(work.both.get(), access);
}

// None of its ends is left: a FIFO by its name, else another pipe.
bool PipesRollback::revive(size_t holder, const SharedIdentity& identity, const Pipe& pipe) {
  auto& work = work_[identity];
  if (!pipe.path.empty() && !pipe.unlinked) {
    // A new FIFO is created within the program, or it would not be its own.
    if (access(pipe.path.c_str(), F_OK) != 0) {
      RemoteSyscalls remote(*holders_[holder].process);
      const uint64_t path = remote.put(pipe.path.c_str(), pipe.path.size() + 1);
      if (remote.call(SYS_mknod, path, S_IFIFO | 0600, 0) < 0 || remote.call(SYS_chmod, path, pipe.mode) < 0) return false;
    }
    work.both = UniqueFd(open(pipe.path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat info {};
    if (work.both && (fstat(work.both.get(), &info) < 0 || !S_ISFIFO(info.st_mode))) work.both.reset();
  } else {
    // Within the program too: a pipe belongs to who made it.
    RemoteSyscalls remote(*holders_[holder].process);
    int fds[2];
    if (remote.call(SYS_pipe2, remote.buffer(), O_CLOEXEC | O_NONBLOCK) < 0) return false;
    remote.get(fds, sizeof fds);
    if (auto fd = duplicate_of(*holders_[holder].process, fds[0])) work.both = reopen(fd.get(), O_RDWR);
    for (int fd : fds) remote.call(SYS_close, static_cast<uint64_t>(fd));
  }
  if (work.both) rebind(identity, key_of(work.both.get()));
  return static_cast<bool>(work.both);
}

void PipesRollback::restore_content(const SharedIdentity& identity, const Pipe& pipe, Work& work) {
  const int fd = work.both.get();
  const bool same_capacity = fcntl(fd, F_GETPIPE_SZ) == pipe.capacity;
  if (same_capacity)
    if (auto now = peek(fd, pipe.packets); now && *now == pipe.content) return;
  drain(fd, true);
  if (!same_capacity && fcntl(fd, F_SETPIPE_SZ, pipe.capacity) < 0)
    left_.push_back({"pipe", "The pipe at " + name_numbers(holders_, identity) + " has another capacity than before: " + util::errno_name(errno) + "."});
  if (!fill(fd, pipe.content, pipe.packets))
    left_.push_back({"pipe", "The pipe at " + name_numbers(holders_, identity) + " has not taken back all of the " + std::to_string(size_of(pipe.content)) + " bytes that were in flight."});
}

util::Warnings passed_outside(Holders holders, const Pipes& since) {
  util::Warnings left;
  std::set<ObjectKey> keys;
  for (auto& [identity, pipe] : since)
    if (pipe.outside) keys.insert(identity->now);
  if (keys.empty()) return left;
  const auto ends = live_ends(holders, DescriptorKind::kPipe, keys);
  for (auto& [identity, pipe] : since)
    if (pipe.outside && std::any_of(ends.begin(), ends.end(), [&](auto& end) { return end.key == identity->now && end.number > 2; })) left.push_back(passed(holders, identity));
  return left;
}

util::Warnings PipesRollback::finish() {
  if (pipes_.empty()) return {};
  std::set<SharedIdentity> written;  // those that the program can write to
  for (auto& holder : holders_)
    for (auto& [number, descriptor] : *holder.table) {
      if (descriptor.kind != DescriptorKind::kPipe || !pipes_.contains(descriptor.identity)) continue;
      if (descriptor.writable()) written.insert(descriptor.identity);
      const auto fd = duplicate_of(*holder.process, number);
      const int flags = fd && key_of(fd.get()) == descriptor.identity->now ? fcntl(fd.get(), F_GETFL) : -1;
      if (flags >= 0 && (flags ^ descriptor.flags) & kFlags) fcntl(fd.get(), F_SETFL, (descriptor.flags & kFlags) | (flags & O_ASYNC));
    }
  for (auto& [identity, pipe] : pipes_) {
    auto& work = work_[identity];
    if (pipe.outside) {
      if (std::any_of(work.live.begin(), work.live.end(), [](auto* end) { return end->number > 2; }))
        left_.push_back(passed(holders_, identity));
    } else if (work.both) {
      restore_content(identity, pipe, work);
      // A reader knows that its writers are gone by one that came and went after it.
      if (!written.contains(identity)) reopen(work.both.get(), O_WRONLY);
    }
  }
  return std::move(left_);
}

std::vector<std::string> compare_pipes(Holders holders, const Pipes& wanted) {
  std::vector<std::string> result;
  std::set<ObjectKey> keys;
  for (auto& [identity, pipe] : wanted)
    if (!pipe.outside) keys.insert(identity->now);
  if (keys.empty()) return result;
  auto ends = live_ends(holders, DescriptorKind::kPipe, keys);
  for (auto& end : ends) {
    const auto it = holders[end.holder].table->find(end.number);
    if (it != holders[end.holder].table->end() && it->second.is_stream() && it->second.identity->now == end.key && (it->second.flags ^ end.flags) & kFlags)
      result.push_back("The flags of the pipe at descriptor " + std::to_string(end.number) + " differ.");
  }
  const auto live = by_key(ends);
  for (auto& [identity, pipe] : wanted) {
    const auto it = live.find(identity->now);
    if (pipe.outside || it == live.end()) continue;  // a closed one is told by the descriptor table
    const UniqueFd reader = reopen(it->second.front()->fd.get(), O_RDONLY);
    const auto now = peek(reader.get(), pipe.packets);
    if (!now || *now != pipe.content) result.push_back("The bytes in the pipe at " + name_numbers(holders, identity) + " differ.");
    if (fcntl(reader.get(), F_GETPIPE_SZ) != pipe.capacity) result.push_back("The capacity of the pipe at " + name_numbers(holders, identity) + " differs.");
  }
  return result;
}

}  // namespace rollpoint::resources
