// Pages that a stopped task of the debuggee's copies itself, between its memory and the window: a quarter of what moving
// them from outside costs, and on another processor than ours. Knows no contents and no layout.
#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

#include "tracee/arch.h"
#include "tracee/process.h"
#include "tracee/window.h"

namespace rollpoint::tracee {

class PageCopy {
 public:
  enum class Direction {
    kGather,        // to the window, page i to slot i
    kGatherByTurns, // likewise, in the slots of the ring: who uses them must `release` them
    kScatter,       // from the window
  };

  /// Starts; the caller goes on meanwhile. `task`: a stopped thread of the process, or its twin; `code`: where it has
  /// our code page. The pages must be readable, or writable, in the task's own eyes. A scattering waits for each page until
  /// it is there, so one that another task gathers, or we `put`, may come later.
  PageCopy(Process& process, pid_t task, uint64_t code, Window& window, Direction direction, std::span<const uint64_t> pages);
  ~PageCopy();
  PageCopy(const PageCopy&) = delete;

  /// Waits a while for page i of a gathering. True: it is there.
  bool has(size_t i) const;
  /// Of a gathering by turns.
  const std::byte* data(size_t i) const { return window_.data(i % Window::kRing); }
  /// The first `count` pages have been used.
  void release(size_t count);
  /// For when a page is long in coming. True: it stood for want of slots, or soon will; what is there is to be used, then
  /// asked again. False: it has ended, and what it `has` is all.
  bool go_on();
  /// Waits until it is done, for which all pages of a scattering must be there. False: it met a page that it may not
  /// touch, or is gone; which pages were scattered is unknown, and gathered those that it `has`.
  bool finish();

 private:
  enum class Stop { kDone, kFailed, kMidway };
  /// Waits for it. Midway: for a page or a slot that took long; to be resumed.
  Stop wait();
  bool resume();
  void give_back();

  Process& process_;
  Window& window_;
  pid_t task_;
  bool by_turns_;
  bool under_way_ = false, stands_ = false;
  arch::GeneralRegisters saved_{};
  uint64_t mask_ = 0;
  std::vector<int> postponed_;  // signals
};

/// Pages that are not there yet have to be announced before the scattering starts.
void announce(Window& window, size_t slot);
void put(Window& window, size_t slot, const std::byte* content);

}  // namespace rollpoint::tracee
