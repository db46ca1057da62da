#include "supervisor/word_size.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "util/unique_fd.h"

namespace rollpoint::supervisor {

namespace {

// The kernel gives a thread of 32 bits the registers of the i386 (PTRACE_GETREGSET in ptrace(2)).
bool has_short_registers(pid_t tid) {
  std::byte buffer[1024];
  iovec registers{buffer, sizeof buffer};
  return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &registers) == 0 && registers.iov_len < sizeof(user_regs_struct);
}

// Long registers, short pointers: the x32 interface.
bool has_short_pointers(pid_t tid) {
  const util::UniqueFd file(open(("/proc/" + std::to_string(tid) + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  unsigned char header[EI_NIDENT];
  return file && read(file.get(), header, sizeof header) == sizeof header && header[EI_CLASS] == ELFCLASS32;
}

}  // namespace

std::optional<std::string> refusal(pid_t tid) {
  if (!has_short_registers(tid) && !has_short_pointers(tid)) return std::nullopt;
  char path[4096];
  const ssize_t length = readlink(("/proc/" + std::to_string(tid) + "/exe").c_str(), path, sizeof path);
  const std::string name = length > 0 ? std::string(path, static_cast<size_t>(length)) : "The program";
  return name + " is a 32-bit program; Rollpoint debugs 64-bit programs only. Build it for x86-64 (without -m32).";
}

}  // namespace rollpoint::supervisor
