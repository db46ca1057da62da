#include "snapshot/call_sites.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "resources/file_calls.h"
#include "util/elf_imports.h"
#include "util/error.h"
#include "util/instruction_length.h"
#include "util/unique_fd.h"

namespace rollpoint::snapshot {

namespace {

// Between the load of the number and the instruction compilers leave register moves and padding, and the C library the
// number for a second try: 32 bytes in glibc's _exit.
constexpr size_t kWindow = 48;
constexpr size_t kFileWindow = 16;

enum class Into { kAnyRegister, kAccumulator };

// By walking from the load, so that neither is a part of some other instruction: a breakpoint there would change it.
bool loads_number(std::span<const uint8_t> before, uint32_t number, Into into = Into::kAnyRegister) {
  for (size_t from = 0; from + 5 <= before.size(); ++from) {
    uint32_t value;
    memcpy(&value, &before[from + 1], sizeof value);
    const uint8_t load = into == Into::kAnyRegister ? before[from] & 0xf8 : before[from];
    if (load != 0xb8 || value != number) continue;  // mov $number, %r32: b8+r, imm32
    size_t at = from;
    while (at < before.size()) {
      const size_t length = util::instruction_length(before.subspan(at));
      if (!length) break;
      at += length;
    }
    if (at == before.size()) return true;
  }
  return false;
}

bool walks_to_end(std::span<const uint8_t> code) {
  while (!code.empty()) {
    const size_t length = util::instruction_length(code);
    if (!length) return false;
    code = code.subspan(length);
  }
  return true;
}

// A compiler that needs the number more than once keeps it in a register that calls leave alone: mov $n, %r; and then, close
// to the instruction, mov %r, %rax. As musl does in fopen().
bool changes_files_by_copy(std::span<const uint8_t> before) {
  for (size_t at = before.size(); at-- > before.size() - std::min(before.size(), kFileWindow);) {
    const auto move = before.subspan(at);
    if (move.size() < 3 || (move[0] & 0xf8) != 0x48 || move[1] != 0x89 || (move[0] & 1) || (move[2] & 0xc7) != 0xc0 || !walks_to_end(move)) continue;
    const auto source = static_cast<uint8_t>((move[2] >> 3 & 7) | (move[0] & 4 ? 8 : 0));
    for (size_t from = at; from-- > 0;) {
      const bool extended = from > 0 && before[from - 1] == 0x41;
      if (before[from] != 0xb8 + (source & 7) || extended != (source >= 8) || from + 5 > before.size()) continue;
      uint32_t value;
      memcpy(&value, &before[from + 1], sizeof value);
      if (resources::is_file_call(value) && walks_to_end(before.subspan(from - extended))) return true;
    }
  }
  return false;
}

bool is_c_library(const memory::Vma& vma) {
  const auto slash = vma.path.rfind('/');
  if (slash == std::string::npos) return false;
  const auto name = vma.path.substr(slash + 1);
  return name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("libpthread") || name.starts_with("ld-musl");
}

std::vector<uint64_t> join(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  std::vector<uint64_t> result = a;
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

}  // namespace

// Through the file where that can be: reading long text through the process would make it resident there.
void CallSites::search(tracee::Process& process, const memory::Vma& vma, Text kind, Sites& sites) {
  std::vector<uint8_t> code(vma.bytes());
  util::UniqueFd file;
  if (kind != Text::kCLibrary) {
    file.reset(open((kind == Text::kExecutable ? process.executable_file() : vma.path).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (kind == Text::kOther && (!file || fstat(file.get(), &info) < 0 || info.st_ino != vma.inode)) return;
  }
  const ssize_t got = file ? pread(file.get(), code.data(), code.size(), static_cast<off_t>(vma.offset))
                           : static_cast<ssize_t>(process.memory().read(vma.start, code.data(), code.size()));
  code.resize(got < 0 ? 0 : static_cast<size_t>(got));
  const uint8_t* const begin = code.data();
  const uint8_t* const end = begin + code.size();
  for (const uint8_t* from = begin; from < end;) {
    auto* hit = static_cast<const uint8_t*>(memmem(from, static_cast<size_t>(end - from), arch::kSyscallInstruction.data(), arch::kSyscallLength));
    if (!hit) break;
    from = hit + arch::kSyscallLength;
    const std::span before(std::max(begin, hit - std::min<ptrdiff_t>(hit - begin, kWindow)), hit);
    const bool thread = kind != Text::kOther && loads_number(before, SYS_exit), program = kind != Text::kOther && loads_number(before, SYS_exit_group);
    const auto close_by = before.last(std::min(before.size(), kFileWindow));
    const auto numbers = resources::file_call_numbers();
    const bool changes_files = std::any_of(numbers.begin(), numbers.end(), [&](uint32_t number) { return loads_number(close_by, number, Into::kAccumulator); }) || changes_files_by_copy(before);
    if (!thread && !program && !changes_files) continue;
    const uint64_t address = vma.start + static_cast<uint64_t>(hit - begin);
    std::array<uint8_t, arch::kSyscallLength> now{};
    // Relocated, unpacked or patched since it was loaded.
    if (process.memory().read(address, now.data(), now.size()) != now.size() || now != arch::kSyscallInstruction) continue;
    if (changes_files) sites.files.push_back(address);
    if (thread) sites.thread.push_back(address);
    if (program) sites.program.push_back(address);
  }
  const snapshot::Text text{code, vma.start};
  if (kind != Text::kOther) sites.relays.merge(find_own_relays(text, kind == Text::kCLibrary));
  if (kind == Text::kExecutable) sites.open_relay = sites.open_relay || has_open_relay(text);
  if (kind == Text::kCLibrary || !file) return;
  const auto imports = util::find_imports(file.get(), "syscall", vma.offset);
  std::set<uint64_t> slots;
  for (uint64_t slot : imports.slots) slots.insert(slot - imports.text_address + vma.start);
  sites.relays.merge(find_imported_relays(text, slots));
}

void CallSites::read_executable(tracee::Process& process, const std::vector<memory::Vma>& maps) {
  const std::string path = process.executable();
  std::vector<memory::Vma> found;
  for (auto& vma : maps)
    if ((vma.prot & PROT_EXEC) && vma.path == path) found.push_back(vma);
  if (found == executable_texts_) return;
  executable_ = {};
  for (auto& vma : found) search(process, vma, Text::kExecutable, executable_);
  executable_texts_ = std::move(found);
}

void CallSites::prepare(tracee::Process& process) {
  if (!executable_texts_.empty()) return;
  try {
    read_executable(process, memory::read_maps(process.pid()));
  } catch (const util::SysError&) {
    // It has ended meanwhile, or may not be looked at now: `refresh` says so to whoever waits.
  }
}

void CallSites::refresh(tracee::Process& process, const std::vector<memory::Vma>& maps) {
  std::vector<memory::Vma> texts;
  for (auto& vma : maps)
    if ((vma.prot & PROT_EXEC) && vma.is_file()) texts.push_back(vma);
  if (texts == texts_) return;
  library_ = {};
  has_library_ = has_shadow_stack_ = false;
  std::map<std::tuple<uint64_t, dev_t, ino_t>, Sites> others;
  const std::string executable = process.executable();
  for (auto& vma : texts) {
    if (is_c_library(vma)) {
      search(process, vma, Text::kCLibrary, library_);
      has_library_ = true;
    } else if (vma.path != executable) {
      const std::tuple key{vma.start, vma.device, vma.inode};
      if (auto node = others_.extract(key)) others.insert(std::move(node));
      else search(process, vma, Text::kOther, others[key]);
    }
  }
  others_ = std::move(others);
  texts_ = std::move(texts);
  read_executable(process, maps);
  has_shadow_stack_ = !relays_to_files().empty() && process.status_field("x86_Thread_features").find("shstk") != std::string::npos;
}

std::vector<uint64_t> CallSites::of_files() const {
  auto sites = join(library_.files, executable_.files);
  for (auto& [key, other] : others_) sites.insert(sites.end(), other.files.begin(), other.files.end());
  return sites;
}

RelaySites CallSites::relays_to_files() const {
  if (has_shadow_stack_) return {};
  RelaySites sites = library_.relays;
  sites.insert(executable_.relays.begin(), executable_.relays.end());
  for (auto& [key, other] : others_) sites.insert(other.relays.begin(), other.relays.end());
  return sites;
}

std::vector<uint64_t> CallSites::of_threads() const { return has_library_ ? library_.thread : executable_.thread; }

// With a C library, the last thread too ends by its SYS_exit_group.
std::vector<uint64_t> CallSites::of_program() const { return join(library_.program, join(executable_.program, executable_.thread)); }

}  // namespace rollpoint::snapshot
