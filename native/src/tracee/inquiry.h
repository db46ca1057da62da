// What several kinds of state want to know from inside the debuggee, asked in one stop of a thread. Knows no kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tracee/remote_syscalls.h"

namespace rollpoint::tracee {

class Inquiry {
 public:
  explicit Inquiry(RemoteSyscalls& remote) : remote_(remote) {}

  /// `answer` has the result once `run` is through.
  void ask(const RemoteCall& call, int64_t& answer);
  /// One whose result does not matter.
  void call(const RemoteCall& call);
  /// An address for a call to store to. `into`, whose bytes are there before, has them once `run` is through.
  uint64_t room(void* into, size_t size);
  /// Called by `run` at its end, in the order given.
  void then(std::function<void()> use) { uses_.push_back(std::move(use)); }
  /// Once.
  void run();

 private:
  struct Room {
    void* into;
    size_t offset, size;
  };

  RemoteSyscalls& remote_;
  std::vector<RemoteCall> calls_;
  std::vector<int64_t*> answers_;
  std::vector<Room> rooms_;
  std::vector<std::function<void()>> uses_;
  size_t used_ = 0;
};

}  // namespace rollpoint::tracee
