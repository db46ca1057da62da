#include "tracee/window.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tracee/hand_over.h"
#include "tracee/remote_syscalls.h"
#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

namespace {

bool is_same_file(const Process& process, int theirs, int ours) {
  util::UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), theirs, 0)));
  struct stat a {}, b {};
  return copy && fstat(copy.get(), &a) == 0 && fstat(ours, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

}  // namespace

Window::~Window() { munmap(local_, kBytes); }

WindowMemory WindowMemory::make() {
  WindowMemory memory;
  memory.fd.reset(memfd_create("rollpoint", MFD_CLOEXEC));
  if (!memory.fd || ftruncate(memory.fd.get(), Window::kBytes) < 0) return {};
  void* local = mmap(nullptr, Window::kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory.fd.get(), 0);
  if (local == MAP_FAILED) return {};
  memory.local = static_cast<std::byte*>(local);
  return memory;
}

WindowMemory::~WindowMemory() {
  if (local) munmap(local, Window::kBytes);
}

std::shared_ptr<Window> open_window(Process& process, WindowMemory memory) {
  if (!memory.local) return nullptr;
  // Through the name of our descriptor, which a process of the same user may open; it keeps none open itself. In a pid
  // namespace of its own the name would be somebody else's.
  RemoteSyscalls remote(process);
  const std::string path = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(memory.fd.get());
  const int64_t theirs = process.nested() ? hand_over(process, memory.fd.get())
                                    : remote.call(SYS_open, remote.put(path.c_str(), path.size() + 1), O_RDWR | O_CLOEXEC);
  int64_t address = -1;
  if (theirs >= 0) {
    // In another pid or mount namespace the name may be somebody else's file.
    if (is_same_file(process, static_cast<int>(theirs), memory.fd.get()))
      address = remote.call(SYS_mmap, 0, Window::kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<uint64_t>(theirs), 0);
    remote.call(SYS_close, static_cast<uint64_t>(theirs));
  }
  if (address < 0 && address >= -4095) return nullptr;
  auto window = std::make_shared<Window>(std::exchange(memory.local, nullptr), static_cast<uint64_t>(address));
  process.window = window->remote();
  return window;
}

void keep_from_children(Process& process) {
  if (!process.window) return;
  RemoteCall calls[] = {{SYS_madvise, {process.window->start, process.window->bytes(), MADV_DONTFORK}},
                        {SYS_mprotect, {process.window->start, process.window->bytes(), PROT_READ}}};
  RemoteSyscalls(process).batch(calls);
}

WritableWindow::WritableWindow(Process& process, std::span<RemoteCall> with)
    : process_(process), range_{process.window->start, process.window->start + Window::kHeadBytes + Window::kRing * memory::kPageSize} {
  std::vector<RemoteCall> calls(with.begin(), with.end());
  calls.push_back({SYS_mprotect, {range_.start, range_.bytes(), PROT_READ | PROT_WRITE}});
  RemoteSyscalls(process).batch(calls);
  open_ = calls.back().result == 0;
  std::copy_n(calls.begin(), with.size(), with.begin());
}

WritableWindow::~WritableWindow() {
  if (!open_) return;
  try {
    RemoteSyscalls(process_).call(SYS_mprotect, range_.start, range_.bytes(), PROT_READ);
  } catch (const util::CodedError&) {
    // The process is gone, and with it the mapping.
  }
}

void close_window(Process& process) {
  if (!process.window) return;
  RemoteSyscalls(process).require("munmap", SYS_munmap, process.window->start, process.window->bytes());
  process.window.reset();
}

}  // namespace rollpoint::tracee
