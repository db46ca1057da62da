// The descriptor table: which numbers are open, on what, at which offset; putting that back.
// Contents of files, pipes and sockets are not its business; what it cannot put back it says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "resources/stream_identity.h"
#include "tracee/remote_syscalls.h"
#include "util/unique_fd.h"
#include "util/warning.h"

namespace rollpoint::resources {

/// What we keep of an open file, so that it survives being closed.
struct HeldFile {
  util::UniqueFd fd;
  /// O_PATH: of the file, which is opened anew. A duplicate of the open file description would keep its locks, and as long
  /// as it may write nobody could run the file (ETXTBSY).
  bool is_pin = false;
};

enum class DescriptorKind { kFile, kDirectory, kTerminal, kDevice, kPipe, kSocket, kEvent, kMessageQueue, kOther };

struct Descriptor {
  DescriptorKind kind = DescriptorKind::kOther;
  std::string target;  // as /proc/PID/fd/N reads
  int64_t offset = 0;
  int flags = 0;  // open(2) flags, with O_CLOEXEC
  dev_t device = 0;  // of the inode behind it; the same for all that are "anon_inode:"
  ino_t inode = 0;
  /// Lowest number of the table that shares this open file description: its own where it shares with none below.
  int shares_with = 0;
  std::shared_ptr<HeldFile> held;  // null where holding would change the program's world
  SharedIdentity identity;  // of pipes and sockets: who they are, also when a rollback has made them anew
  bool locked = false;  // through this open file description, or by the process
  bool writable() const;
  bool pinned() const { return held && held->is_pin; }
  bool is_stream() const { return kind == DescriptorKind::kPipe || kind == DescriptorKind::kSocket; }
};

using DescriptorTable = std::map<int, Descriptor>;

/// `before`: table of the parent snapshot, whose duplicates are shared where the description is the same.
DescriptorTable read_descriptors(tracee::Process& process, const DescriptorTable* before);
/// Makes anew what `number` was open on, for kinds of which no duplicate may be held; empty where that cannot be done.
/// Called once per open file description; other numbers of the same one become duplicates of it.
using Recreate = std::function<util::UniqueFd(int number, const Descriptor& wanted)>;
/// Whether what is open at `number` now, and reads the same in /proc, can be or become `wanted`: kOther where only a new
/// one will do, kSame where something tells that it is the very same one.
enum class Likeness { kOther, kAlike, kSame };
using Recognise = std::function<Likeness(int number, const Descriptor& wanted)>;
/// What could not be put back. An object without a duplicate is looked for at its numbers first, then at all others.
util::Warnings restore_descriptors(tracee::Process& process, const DescriptorTable& wanted, const Recreate& recreate, const Recognise& recognise);
/// In words, how the live table differs: only in which numbers are open.
std::vector<std::string> compare_open_descriptors(const tracee::Process& process, const DescriptorTable& wanted);
/// In all that is known of it.
std::vector<std::string> compare_descriptors(tracee::Process& process, const DescriptorTable& wanted);

}  // namespace rollpoint::resources
