// A pid namespace for the debuggee, with a user namespace where that is needed to make one, and a small first process of
// ours in it. There an ordinary user may choose the ids of new threads and processes.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

namespace rollpoint::tracee {

class PidNamespace {
 public:
  /// Throws CodedError(kUnsupported), in words for the user, where the kernel refuses.
  static std::unique_ptr<PidNamespace> make();
  /// Everything in it is killed.
  ~PidNamespace();
  PidNamespace(const PidNamespace&) = delete;

  /// As fork(2), into the namespace, from the calling thread: that is the child's parent, which sees it as process 0. The
  /// child may choose ids also after an exec. `wanted`: its id inside, 0 for any. Throws SysError.
  pid_t fork(pid_t wanted = 0) const;
  /// /proc shows the ids of inside.
  bool has_proc() const { return has_proc_; }

 private:
  PidNamespace(pid_t first, bool has_users, bool has_proc) : first_(first), has_users_(has_users), has_proc_(has_proc) {}

  pid_t first_;
  bool has_users_, has_proc_;
};

/// The id of a task in the innermost pid namespace that it is in: what it calls itself. `path`: its directory in /proc.
pid_t id_inside(const std::string& path);

}  // namespace rollpoint::tracee
