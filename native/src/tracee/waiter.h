// Every wait for a tracee goes through here. Can be woken from another thread without losing a status or a wake-up.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <optional>
#include <vector>

#include "util/unique_fd.h"

namespace rollpoint::tracee {

struct WaitStatus {
  pid_t tid;
  int status;
};

class Waiter {
 public:
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;

  /// Binds to the calling thread: only its own tracees are waited for (__WNOTHREAD), so that the exits of other
  /// children of the process stay for whoever started them.
  void bind();
  /// Blocks until a tracee reports, `wake` is called, or the time of `wake_at` has come; nullopt when woken.
  std::optional<WaitStatus> wait();
  /// nullopt when nothing has been reported.
  std::optional<WaitStatus> poll();
  /// Blocks for this tracee alone; not woken. Throws SysError(ECHILD) when it is not ours.
  int wait_for(pid_t tid);
  /// What somebody met who waited for something else: `wait`, `poll` and `wait_for` tell it again.
  void put_back(WaitStatus status) { put_back_.push_back(status); }
  /// A new task has this id: the end of the one before is told no more.
  void forget_end(pid_t tid);
  /// Until it has been reaped, whatever stops come before.
  void wait_for_end(pid_t tid);
  /// Before the thread ends: takes the last report of everything that has been killed, or it would stay a zombie.
  void reap_the_killed();
  /// Once, at this time, ns on CLOCK_MONOTONIC; another one before, or none, is forgotten.
  void wake_at(std::optional<int64_t> time);
  /// From any thread.
  void wake();

 private:
  bool block_until_reported();
  bool is_time() const;

  std::vector<WaitStatus> put_back_;
  std::atomic<bool> woken_{false};
  std::atomic<pid_t> thread_{0};
  util::UniqueFd doorbell_;
  std::optional<timer_t> timer_;
  std::optional<int64_t> alarm_;
};

}  // namespace rollpoint::tracee
