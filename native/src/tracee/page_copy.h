// Pages that a stopped task of the debuggee's copies itself, between its memory and the window: a quarter of what moving
// them from outside costs, and on another processor than ours. Knows no contents and no layout.
#pragma once

#include <sys/types.h>

#include <span>

#include "tracee/arch.h"
#include "tracee/process.h"
#include "tracee/window.h"

namespace rollpoint::tracee {

class PageCopy {
 public:
  enum class Direction { kGather, kScatter };  // to the window, from the window

  /// Starts; the caller goes on meanwhile. `task`: a stopped thread of the process, or its twin; `code`: where it has
  /// our code page. Page i has slot `slot` + i. The pages must be readable, or writable, in the task's own eyes.
  PageCopy(Process& process, pid_t task, uint64_t code, Window& window, Direction direction, std::span<const uint64_t> pages, size_t slot);
  ~PageCopy();
  PageCopy(const PageCopy&) = delete;

  /// Waits until it is done. False: it met a page that it may not touch, or is gone; which pages were copied is unknown.
  bool finish();

 private:
  Process& process_;
  pid_t task_;
  bool under_way_ = false;
  arch::GeneralRegisters saved_{};
  uint64_t mask_ = 0;
};

}  // namespace rollpoint::tracee
