#include "snapshot/exit_sites.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

namespace rollpoint::snapshot {

namespace {

// Between the load of the number and the instruction compilers leave a few register moves and padding.
constexpr size_t kWindow = 24;

bool loads_exit_number(const uint8_t* begin, const uint8_t* end) {
  // mov $60, %r32: b8+r, imm32
  for (auto* p = begin; p + 5 <= end; ++p) {
    uint32_t value;
    memcpy(&value, p + 1, sizeof value);
    if ((*p & 0xf8) == 0xb8 && value == SYS_exit) return true;
  }
  return false;
}

bool is_c_library(const memory::Vma& vma) {
  const auto slash = vma.path.rfind('/');
  if (slash == std::string::npos) return false;
  const auto name = vma.path.substr(slash + 1);
  return name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("libpthread") || name.starts_with("ld-musl");
}

}  // namespace

std::vector<uint64_t> find_exit_sites(tracee::Process& process, const std::vector<memory::Vma>& maps) {
  std::vector<const memory::Vma*> texts;
  for (auto& vma : maps)
    if ((vma.prot & PROT_EXEC) && is_c_library(vma)) texts.push_back(&vma);
  if (texts.empty()) {
    const std::string executable = process.executable();  // linked statically
    for (auto& vma : maps)
      if ((vma.prot & PROT_EXEC) && vma.path == executable) texts.push_back(&vma);
  }
  std::vector<uint64_t> sites;
  std::vector<uint8_t> code;
  for (auto* vma : texts) {
    code.resize(vma->bytes());
    code.resize(process.memory().read(vma->start, code.data(), code.size()));
    auto from = code.begin();
    while ((from = std::search(from, code.end(), arch::kSyscallInstruction.begin(), arch::kSyscallInstruction.end())) != code.end()) {
      const auto* at = &*from;
      const auto* first = code.data() + std::max<ptrdiff_t>(0, from - code.begin() - static_cast<ptrdiff_t>(kWindow));
      if (loads_exit_number(first, at)) sites.push_back(vma->start + static_cast<uint64_t>(from - code.begin()));
      from += arch::kSyscallLength;
    }
  }
  return sites;
}

}  // namespace rollpoint::snapshot
