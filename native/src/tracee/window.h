// Memory that we share with a task of the debuggee's making: what is put there crosses over without a system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "memory/page.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

class Process;

/// A list of addresses, then room for as many pages.
class Window {
 public:
  static constexpr size_t kPages = 1024;
  static constexpr size_t kListBytes = kPages * sizeof(uint64_t);
  static constexpr size_t kBytes = kListBytes + kPages * memory::kPageSize;

  Window(std::byte* local, uint64_t remote) : local_(local), remote_(remote) {}
  ~Window();
  Window(const Window&) = delete;

  uint64_t* list() { return reinterpret_cast<uint64_t*>(local_); }
  const std::byte* data() const { return local_ + kListBytes; }
  uint64_t remote_list() const { return remote_; }
  uint64_t remote_data() const { return remote_ + kListBytes; }

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

/// Mapped in the debuggee, for a clone to take along; `unmap` takes it out again. nullptr where the kernel or the debuggee's limits refuse; everything works without, only slower.
std::unique_ptr<Window> open_window(Process& process, WindowMemory memory);
void unmap(Process& process, const Window& window);

}  // namespace rollpoint::tracee
