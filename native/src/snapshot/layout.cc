#include "snapshot/layout.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "resources/courier.h"
#include "resources/system_v.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::snapshot {

using memory::Vma;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

/// A piece of the address space over which neither list of mappings changes.
struct Piece {
  uint64_t start, end;
  const Vma* now;
  const Vma* wanted;
};

std::vector<Piece> pieces(const std::vector<Vma>& now, const std::vector<Vma>& wanted) {
  std::vector<uint64_t> cuts;
  cuts.reserve(2 * (now.size() + wanted.size()));
  for (auto* list : {&now, &wanted})
    for (auto& vma : *list) {
      cuts.push_back(vma.start);
      cuts.push_back(vma.end);
    }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::vector<Piece> result;
  size_t n = 0, w = 0;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const uint64_t start = cuts[i], end = cuts[i + 1];
    while (n < now.size() && now[n].end <= start) ++n;
    while (w < wanted.size() && wanted[w].end <= start) ++w;
    const Vma* in_now = n < now.size() && now[n].start <= start ? &now[n] : nullptr;
    const Vma* in_wanted = w < wanted.size() && wanted[w].start <= start ? &wanted[w] : nullptr;
    if (in_now || in_wanted) result.push_back({start, end, in_now, in_wanted});
  }
  return result;
}

bool same_backing(const Vma& a, const Vma& b) {
  if (a.shared != b.shared || a.inode != b.inode || a.device != b.device) return false;
  return !a.is_file() || a.offset - a.start == b.offset - b.start;
}

std::string range_text(uint64_t start, uint64_t end) {
  char text[64];
  snprintf(text, sizeof text, "%lx-%lx", start, end);
  return text;
}

bool needs_file(const Piece& piece) {
  return piece.wanted && piece.wanted->is_file() && !piece.wanted->is_shared_anonymous() && !piece.wanted->is_sysv() && !(piece.now && same_backing(*piece.now, *piece.wanted));
}

// Opens files inside the debuggee, each once, and closes them all.
class RemoteFiles {
 public:
  RemoteFiles(tracee::Process& process, RemoteSyscalls& remote, const OpenMapped& open_mapped) : process_(process), remote_(remote), open_mapped_(open_mapped) {}
  ~RemoteFiles() {
    for (auto& [path, fd] : open_) {
      try {
        remote_.call(SYS_close, fd);
      } catch (const util::CodedError&) {
        // The process is gone, and its descriptors with it.
      }
    }
  }
  uint64_t open(const Vma& vma) {
    const std::string path = vma.file_path();
    const bool write = vma.shared && vma.writable();
    const bool nameless = vma.deleted() || vma.is_memfd();
    // Two without a name may have had the same.
    auto [it, is_new] = open_.try_emplace((nameless ? std::to_string(vma.inode) + " " : "") + path + (write ? "+" : ""), 0);
    if (is_new && nameless) {
      const auto ours = open_mapped_(vma);
      if (!ours) throw util::SysError("open " + vma.path, ENOENT);
      it->second = static_cast<uint64_t>(resources::Courier(process_).deliver_anywhere(ours.get()));
    } else if (is_new) {
      const uint64_t name = remote_.put(path.c_str(), path.size() + 1);
      it->second = remote_.require("open a mapped file", SYS_open, name, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    }
    return it->second;
  }

 private:
  tracee::Process& process_;
  RemoteSyscalls& remote_;
  const OpenMapped& open_mapped_;
  std::map<std::string, uint64_t> open_;
};

RemoteCall map_anonymous(uint64_t start, uint64_t size, const Vma& vma) {
  const uint64_t flags = (vma.shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  return {SYS_mmap, {start, size, static_cast<uint64_t>(vma.prot), flags, ~uint64_t{0}, 0}};
}

// A mapping that is in pieces now is made anew in one: mremap refuses one in pieces (EFAULT), and the kernel joins only
// what has grown together. Its pages are written back later like all that are missing.
std::vector<RemoteCall> whole_again(const std::vector<Vma>& now, const std::vector<Vma>& wanted) {
  std::vector<RemoteCall> calls;
  auto first = now.begin();
  for (auto& vma : wanted) {
    if (vma.shared || vma.is_file() || vma.is_stack()) continue;
    while (first != now.end() && first->end <= vma.start) ++first;
    if (first != now.end() && first->end < vma.end) calls.push_back(map_anonymous(vma.start, vma.end - vma.start, vma));
  }
  return calls;
}

// A write through /proc/PID/mem below the stack extends it down to there (mm/memory.c, __access_remote_vm).
void grow_stack(tracee::Process& process, uint64_t lowest) {
  const char zero = 0;
  if (pwrite(process.memory().fd(), &zero, 1, static_cast<off_t>(lowest)) != 1) throw util::SysError("grow the stack", errno);
}

}  // namespace

std::vector<Vma> tracked_maps(tracee::Process& process) {
  std::vector<Vma> result;
  bool window_is_there = false;
  for (auto& vma : memory::read_maps(process.pid())) {
    if (vma.is_special()) continue;
    if (process.window && vma.range() == *process.window && vma.is_memfd()) {
      window_is_there = true;
      continue;
    }
    if (process.scratch && vma.start < process.scratch->end() && vma.end > process.scratch->code) {
      if (vma.start < process.scratch->code) {
        auto below = vma;
        below.end = process.scratch->code;
        result.push_back(below);
      }
      if (vma.end > process.scratch->end()) {
        auto above = vma;
        above.start = process.scratch->end();
        result.push_back(above);
      }
      continue;
    }
    result.push_back(std::move(vma));
  }
  if (!window_is_there) process.window.reset();
  return result;
}

std::vector<std::string> obstacles(const std::vector<Vma>& now, const std::vector<Vma>& wanted, const std::function<bool(const std::string& path)>& will_exist, const OpenMapped& open_mapped) {
  std::vector<std::string> result;
  for (auto& piece : pieces(now, wanted)) {
    if (!needs_file(piece)) continue;
    const Vma& vma = *piece.wanted;
    if ((vma.deleted() || vma.is_memfd()) && open_mapped(vma)) continue;
    if (vma.deleted() || vma.is_memfd())
      result.push_back("The program has unmapped " + vma.path + " since, and it can no longer be opened.");
    else if (access(vma.file_path().c_str(), R_OK) != 0 && !will_exist(vma.file_path()))
      result.push_back("The program has unmapped " + vma.path + " since, and the file is gone or not readable.");
  }
  return result;
}

Footing ask_footing(tracee::Process& process, std::optional<tracee::WritableWindow>* writable) {
  RemoteSyscalls remote(process);
  RemoteCall calls[] = {{SYS_brk, {0}}, {SYS_getcpu, {remote.buffer()}}};
  if (writable) writable->emplace(process, calls);
  else remote.batch(calls);
  Footing footing{.program_break = static_cast<uint64_t>(calls[0].result)};
  if (calls[1].result == 0) remote.get(&footing.processor, sizeof footing.processor);
  return footing;
}

std::vector<Vma> restore_layout(tracee::Process& process, const Layout& from, const std::vector<Vma>& wanted, uint64_t program_break, const OpenMapped& open_mapped) {
  RemoteSyscalls remote(process);
  auto now = from.maps;
  if (from.program_break != program_break) {
    if (static_cast<uint64_t>(remote.call(SYS_brk, program_break)) != program_break)
      throw util::CodedError(util::kUnsupported, "The program break cannot be put back.");
    now = tracked_maps(process);
  }
  const auto plan = pieces(now, wanted);
  std::vector<RemoteCall> unmap, rest;
  std::vector<const Piece*> segments;
  std::optional<uint64_t> grown_stack;
  RemoteFiles files(process, remote, open_mapped);
  for (auto& piece : plan) {
    const uint64_t size = piece.end - piece.start;
    if (!piece.wanted) {
      unmap.push_back({SYS_munmap, {piece.start, size}});
      continue;
    }
    const Vma& vma = *piece.wanted;
    const auto protection = static_cast<uint64_t>(vma.prot);
    if (piece.now && same_backing(*piece.now, vma)) {
      if (piece.now->prot != vma.prot) rest.push_back({SYS_mprotect, {piece.start, size, protection}});
      continue;
    }
    if (vma.is_stack() && !piece.now) {
      grown_stack = piece.start;
      continue;
    }
    if (vma.is_sysv()) {
      segments.push_back(&piece);
      rest.push_back({SYS_mprotect, {piece.start, size, protection}});
    } else if (!vma.is_file() || vma.is_shared_anonymous()) {
      rest.push_back(map_anonymous(piece.start, size, vma));
    } else {
      const uint64_t flags = (vma.shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE;
      rest.push_back({SYS_mmap, {piece.start, size, protection, flags, files.open(vma), vma.offset + (piece.start - vma.start)}});
    }
  }
  // Unmap first: a mapping made over a growing stack can leave the guard gap in place (mmap(2)).
  for (auto* calls : {&unmap, &rest}) {
    // Grown as the program itself grows it: a mapping of ours below it would not grow on with it.
    if (calls == &rest)
      for (auto* piece : segments) resources::attach_segment(remote, *piece->wanted, piece->start, piece->end - piece->start);
    if (calls == &rest && grown_stack) grow_stack(process, *grown_stack);
    if (calls->empty()) continue;
    remote.batch(*calls);
    for (auto& call : *calls)
      if (call.result < 0 && call.result >= -4095)
        throw call.result == -EPERM ? util::CodedError("EPERM", "the program has sealed the memory at " + range_text(call.arguments[0], call.arguments[0] + call.arguments[1]) + " since (mseal), and the kernel never lets it be changed again") :
            util::SysError("restore the layout at " + range_text(call.arguments[0], call.arguments[0] + call.arguments[1]), static_cast<int>(-call.result));
  }
  const bool changed = !unmap.empty() || !rest.empty() || grown_stack;
  if (changed) now = tracked_maps(process);
  auto joined = whole_again(now, wanted);
  remote.batch(joined);
  if (!changed && joined.empty()) return now;
  if (!joined.empty()) now = tracked_maps(process);
  if (const auto differences = compare_layout(now, wanted); !differences.empty())
    throw util::CodedError(util::kUnsupported, "The layout could not be put back: " + differences.front());
  return now;
}

std::vector<std::string> compare_layout(const std::vector<Vma>& now, const std::vector<Vma>& wanted) {
  std::vector<std::string> result;
  for (auto& piece : pieces(now, wanted)) {
    const std::string where = range_text(piece.start, piece.end) + " ";
    if (!piece.wanted) {
      if (!piece.now->is_stack()) result.push_back(where + "is mapped: " + piece.now->path);
    } else if (!piece.now) {
      result.push_back(where + "is not mapped: " + piece.wanted->path);
    } else if (piece.now->prot != piece.wanted->prot) {
      result.push_back(where + "has another protection");
    } else if (piece.wanted->is_sysv() && piece.now->is_sysv()) {
      // One that had been removed may be another by now, with the same content.
    } else if (piece.wanted->is_shared_anonymous() ? !piece.now->is_shared_anonymous() : !same_backing(*piece.now, *piece.wanted)) {
      result.push_back(where + "is another mapping: " + piece.now->path + " instead of " + piece.wanted->path);
    }
  }
  return result;
}

}  // namespace rollpoint::snapshot
