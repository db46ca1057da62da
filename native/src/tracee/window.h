// Memory that we share with the debuggee and its twin, for pages to cross without a system call each.
// Who copies them is page_copy's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "memory/page.h"
#include "util/range_set.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

class Process;
struct RemoteCall;

/// Two words for each page that crosses, and slots to hold some: the first word is not zero until the page is there, for
/// whoever gathers it the address that it comes from; the second is the address that it goes to.
class Window {
 public:
  static constexpr size_t kPages = 2048;
  static constexpr size_t kListBytes = kPages * sizeof(uint64_t);
  static constexpr size_t kHeadBytes = 2 * kListBytes + memory::kPageSize;
  static constexpr size_t kBytes = kHeadBytes + kPages * memory::kPageSize;
  /// Slots of a capture, used again and again: they stay in the caches, and are all of the window that the debuggee may write.
  /// To open and to close them costs by the page.
  static constexpr size_t kRing = 128;

  Window(std::byte* local, uint64_t remote) : local_(local), remote_(remote) {}
  ~Window();
  Window(const Window&) = delete;

  uint64_t* sources() { return reinterpret_cast<uint64_t*>(local_); }
  uint64_t* targets() { return reinterpret_cast<uint64_t*>(local_ + kListBytes); }
  /// How many pages may have been gathered since the start; the gathering waits there.
  uint64_t& limit() { return *reinterpret_cast<uint64_t*>(local_ + 2 * kListBytes); }
  std::byte* data(size_t slot) { return local_ + kHeadBytes + slot * memory::kPageSize; }
  /// Where the debuggee has it, and its twin.
  util::Range remote() const { return {remote_, remote_ + kBytes}; }
  uint64_t remote_sources() const { return remote_; }
  uint64_t remote_targets() const { return remote_ + kListBytes; }
  uint64_t remote_limit() const { return remote_ + 2 * kListBytes; }
  uint64_t remote_data() const { return remote_ + kHeadBytes; }

 private:
  std::byte* local_;
  uint64_t remote_;
};

/// Our side of a window, populated: made ahead of need, because that takes as long as a small fork.
class WindowMemory {
 public:
  /// Empty where no memory is left.
  static WindowMemory make();
  WindowMemory() = default;
  WindowMemory(WindowMemory&& other) noexcept : fd(std::move(other.fd)), local(std::exchange(other.local, nullptr)) {}
  WindowMemory& operator=(WindowMemory&& other) noexcept {
    std::swap(fd, other.fd);
    std::swap(local, other.local);
    return *this;
  }
  ~WindowMemory();

  util::UniqueFd fd;
  std::byte* local = nullptr;
};

/// Maps it in the debuggee and notes it in `process.window`. nullptr where the kernel or the debuggee's limits refuse:
/// everything works without, only slower.
std::shared_ptr<Window> open_window(Process& process, WindowMemory memory);
/// Children of the program's own are not to inherit it; the twin, made before, has it. Read-only from here on.
void keep_from_children(Process& process);
void close_window(Process& process);

/// The debuggee's side, as far as the ring, writable for the moment: what is not being used for a capture is none of its
/// writable memory.
class WritableWindow {
 public:
  /// `with` are made in the same stop.
  WritableWindow(Process& process, std::span<RemoteCall> with);
  /// False where the program has as many mappings as it may: this splits one.
  explicit operator bool() const { return open_; }
  ~WritableWindow();
  WritableWindow(const WritableWindow&) = delete;

 private:
  Process& process_;
  util::Range range_;
  bool open_ = false;
};

}  // namespace rollpoint::tracee
