// The debuggee: its threads and its memory, as data. Who stops and resumes it is the supervisor's business.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/remote_memory.h"
#include "tracee/pid_namespace.h"
#include "tracee/tracee.h"
#include "tracee/waiter.h"
#include "util/range_set.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

/// Memory of ours inside the debuggee: one executable page with the system call loop, and data pages after it.
struct Scratch {
  uint64_t code = 0, data = 0;
  size_t size = 0;  // of the data, bytes
  uint64_t end() const { return data + size; }
  bool contains(uint64_t address) const { return code && address >= code && address < end(); }
};

class Process {
 public:
  Process(pid_t pid, bool launched, Waiter& waiter);

  pid_t pid() const { return pid_; }
  bool launched() const { return launched_; }
  memory::RemoteMemory& memory() { return memory_; }
  Waiter& waiter() { return waiter_; }
  int pidfd() const { return pidfd_.get(); }

  std::map<pid_t, std::unique_ptr<Tracee>>& tracees() { return tracees_; }
  Tracee* find(pid_t tid);
  Tracee& at(pid_t tid);  // throws CodedError(kNoProcess)
  Tracee& add(pid_t tid);
  void remove(pid_t tid) { tracees_.erase(tid); }
  /// It has ended while something was waited for that it was to do. The end of the process is told again by `waiter`.
  void lose(pid_t tid, int status);
  /// A stopped thread that may run remote calls: the leader where it lives.
  Tracee& injector();
  /// Threads that the debugger sees.
  size_t visible_threads() const;

  /// Its threads run under a seccomp filter of their own, which is set aside for remote calls
  /// (RemoteSyscalls::set_filters_aside).
  bool filtered = false;
  /// A filter that is not ours too, as a container's is, or that stands in our own way.
  bool has_own_filter() const;
  /// With which its threads were seized.
  long trace_options = kTraceOptions;

  std::optional<Scratch> scratch;
  std::optional<util::Range> window;  // see window.h

  /// What a live task calls itself: another id where the debuggee is in a pid namespace below ours. Arguments of
  /// remote calls and memory have ids of inside; ptrace, /proc and all keys here those of outside.
  pid_t id_inside(pid_t tid) const;
  bool nested() const { return nested_; }
  /// Whether what it makes may have an id of its choice (clone3(2): CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN).
  bool may_choose_ids() const;
  /// Made for it at launch.
  std::unique_ptr<PidNamespace> pid_namespace;

  /// Path of the program that it runs.
  std::string executable() const;
  /// What to open to read that file.
  std::string executable_file() const;
  /// The kernel names another program for it (/proc/PID/exe) than the one that it runs.
  void runs(std::string executable) { executable_ = std::move(executable); }
  /// It was copied from that one (fork).
  void runs_as(const Process& other) { executable_ = other.executable_; }
  /// /proc/PID/auxv.
  std::vector<std::byte> auxv() const;
  /// A field of /proc/PID/status, such as "Seccomp"; empty where absent.
  std::string status_field(const char* name) const;
  /// While this lives, `status_field` reads the file once: for when nothing runs that could change it.
  class HeldStatus {
   public:
    explicit HeldStatus(const Process& process);
    ~HeldStatus();
    HeldStatus(const HeldStatus&) = delete;

   private:
    const Process& process_;
    bool outermost_;
  };
  HeldStatus hold_status() const { return HeldStatus(*this); }
  /// After an exec: everything about the old image is forgotten.
  void reset_after_exec(pid_t former_tid);
  /// Stands for another process from here on, one that has no thread yet.
  void take_new_body(pid_t pid);
  /// The process is gone, and its id another one's: called `name` from here on.
  void lose_id(pid_t name) { pid_ = name; }

 private:
  pid_t pid_;
  bool launched_, nested_;
  Waiter& waiter_;
  memory::RemoteMemory memory_;
  util::UniqueFd pidfd_;
  std::map<pid_t, std::unique_ptr<Tracee>> tracees_;
  std::string executable_;  // empty: as the kernel names it
  mutable std::optional<std::string> status_;
};

}  // namespace rollpoint::tracee
