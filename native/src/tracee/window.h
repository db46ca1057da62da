// Memory that we share with a task of the debuggee's making: what is put there crosses over without a system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "memory/page.h"

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

/// Mapped in the debuggee, for a clone to take along; `unmap` takes it out again. nullptr where the kernel or the debuggee's limits refuse; everything works without, only slower.
std::unique_ptr<Window> open_window(Process& process);
void unmap(Process& process, const Window& window);

}  // namespace rollpoint::tracee
