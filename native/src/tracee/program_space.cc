#include "tracee/program_space.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tracee/remote_syscalls.h"
#include "util/error.h"

namespace rollpoint::tracee {

using memory::Vma;
using util::Range;

namespace {

constexpr uint64_t kPage = 4096;

bool is_kernel_page(const Vma& vma) { return vma.path == "[vdso]" || vma.path.starts_with("[vvar"); }
bool is_vsyscall(const Vma& vma) { return vma.path == "[vsyscall]"; }

prctl_mm_map read_marks(pid_t pid) {
  std::string text;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), text);
  prctl_mm_map marks{};
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  // Numbers as in proc(5); the one after the name is 3.
  for (int number = 3; fields >> field; ++number) {
    struct { int number; __u64* mark; } const places[] = {{26, &marks.start_code}, {27, &marks.end_code}, {28, &marks.start_stack}, {45, &marks.start_data},
                                                          {46, &marks.end_data},   {47, &marks.start_brk}, {48, &marks.arg_start},   {49, &marks.arg_end},
                                                          {50, &marks.env_start},  {51, &marks.env_end}};
    for (auto& place : places)
      if (place.number == number) *place.mark = std::stoull(field);
  }
  marks.exe_fd = static_cast<__u32>(-1);
  return marks;
}

bool same_marks(const prctl_mm_map& a, const prctl_mm_map& b) {
  return a.start_code == b.start_code && a.start_brk == b.start_brk && a.start_stack == b.start_stack && a.arg_start == b.arg_start && a.env_end == b.env_end;
}

bool same_places(const std::vector<Vma>& a, const std::vector<Vma>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto& x, auto& y) { return x.start == y.start && x.end == y.end && x.path == y.path; });
}

bool overlap(const Range& a, const Range& b) { return a.start < b.end && b.start < a.end; }

// Somewhere between 4 GiB and the top where none of `taken` is, also no stack that may grow.
uint64_t room_beside(const std::vector<Range>& taken, uint64_t size) {
  constexpr uint64_t kLowest = 1ULL << 32, kHighest = 1ULL << 46, kStride = 1ULL << 30;
  for (uint64_t start = kLowest; start < kHighest; start += kStride)
    if (std::none_of(taken.begin(), taken.end(), [&](auto& range) { return overlap(range, {start, start + size}); })) return start;
  throw util::SysError("find room in the program", ENOMEM);
}

void run_all(RemoteSyscalls& remote, std::vector<RemoteCall> calls, const char* operation) {
  remote.batch(calls);
  for (auto& call : calls)
    if (call.result < 0 && call.result >= -4095) throw util::SysError(operation, static_cast<int>(-call.result));
}

RemoteCall move(uint64_t from, uint64_t size, uint64_t to) { return {SYS_mremap, {from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to}}; }

// Each of them by the same distance, since the code refers to the data: first, to where nothing is.
void move_kernel_pages(Process& process, const std::vector<Vma>& from, uint64_t to) {
  std::vector<RemoteCall> calls;
  for (auto& vma : from)
    if (const uint64_t target = to + (vma.start - from.front().start); target != vma.start) calls.push_back(move(vma.start, vma.bytes(), target));
  RemoteSyscalls remote(process);
  run_all(remote, std::move(calls), "move the kernel's pages in the program");
}

// Two hops where the old and the new place overlap.
void move_scratch(Process& process, const Scratch& to, const std::vector<Range>& taken) {
  const Range here{process.scratch->code, process.scratch->end()}, there{to.code, to.end()};
  if (here.start == there.start) return;
  if (overlap(here, there)) RemoteSyscalls::move_scratch(process, room_beside(taken, here.bytes()));
  RemoteSyscalls(process).require("make room in the program", SYS_munmap, there.start, there.bytes());
  RemoteSyscalls::move_scratch(process, there.start);
}

void unmap_all_but(Process& process, const std::vector<Range>& kept) {
  std::vector<RemoteCall> calls;
  for (auto& vma : memory::read_maps(process.pid())) {
    if (is_vsyscall(vma) || is_kernel_page(vma)) continue;
    if (std::none_of(kept.begin(), kept.end(), [&](auto& range) { return overlap(range, vma.range()); })) calls.push_back({SYS_munmap, {vma.start, vma.bytes()}});
  }
  RemoteSyscalls remote(process);
  run_all(remote, std::move(calls), "unmap what the other program had");
}

// True where it is the file wanted.
bool set_marks(Process& process, const ProgramSpace& wanted) {
  RemoteSyscalls remote(process);
  auto marks = wanted.marks;
  marks.auxv = reinterpret_cast<__u64*>(remote.put(wanted.auxv.data(), wanted.auxv.size(), sizeof marks));
  marks.auxv_size = static_cast<__u32>(wanted.auxv.size());
  auto set = [&] { return remote.call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, remote.put(&marks, sizeof marks), sizeof marks, 0); };
  bool same_file = process.executable() == wanted.executable;
  if (!same_file) {
    constexpr size_t kPathAt = 16 << 10;
    const auto file = remote.call(SYS_open, remote.put(wanted.executable.c_str(), wanted.executable.size() + 1, kPathAt), O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
      marks.exe_fd = static_cast<__u32>(file);
      same_file = set() == 0;
      marks.exe_fd = static_cast<__u32>(-1);
      remote.call(SYS_close, static_cast<uint64_t>(file));
      if (same_file) return true;
    }
  }
  if (const auto result = set(); result < 0) throw util::SysError("prctl(PR_SET_MM_MAP) in the program", static_cast<int>(-result));
  return same_file;
}

// The layout lets it grow from here.
void map_stack(Process& process, const Range& stack) {
  const uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;  // not MAP_STACK: since Linux 6.7 that keeps huge pages away
  RemoteSyscalls(process).require("map the stack", SYS_mmap, stack.start, stack.bytes(), PROT_READ | PROT_WRITE, flags, ~uint64_t{0}, 0);
}

}  // namespace

ProgramSpace read_program_space(const Process& process) {
  ProgramSpace space;
  space.marks = read_marks(process.pid());
  space.marks.brk = space.marks.start_brk;
  for (auto& vma : memory::read_maps(process.pid())) {
    if (is_kernel_page(vma)) space.kernel_pages.push_back(vma);
    if (vma.is_stack()) space.stack = {space.marks.start_stack & ~(kPage - 1), vma.end};
  }
  space.auxv = process.auxv();
  space.executable = process.executable();
  return space;
}

bool take_program_space(Process& process, const ProgramSpace& wanted, const Scratch& scratch) {
  const auto now = read_program_space(process);
  const bool same = same_places(now.kernel_pages, wanted.kernel_pages) && same_marks(now.marks, wanted.marks) && now.executable == wanted.executable;
  if (same && process.scratch->code == scratch.code) return true;
  if (now.kernel_pages.size() != wanted.kernel_pages.size() || wanted.stack.empty())
    throw util::CodedError(util::kUnsupported, "its program's own places in memory are not those that the kernel gives today.");
  if (auto rseq = process.injector().rseq(); rseq && rseq->pointer) {
    // The kernel would write there on its way out of every call.
    constexpr uint64_t kUnregister = 1;  // RSEQ_FLAG_UNREGISTER
    RemoteSyscalls(process).call(SYS_rseq, rseq->pointer, rseq->size, kUnregister, rseq->signature);
  }
  std::vector<Range> taken{{scratch.code, scratch.end()}};
  for (auto& vma : memory::read_maps(process.pid())) taken.push_back(vma.range());
  for (auto& vma : wanted.kernel_pages) taken.push_back(vma.range());
  if (same) {
    move_scratch(process, scratch, taken);
    return true;
  }
  unmap_all_but(process, {{process.scratch->code, process.scratch->end()}});
  const uint64_t size = now.kernel_pages.back().end - now.kernel_pages.front().start;
  const uint64_t aside = room_beside(taken, size);
  move_kernel_pages(process, now.kernel_pages, aside);
  taken.push_back({aside, aside + size});
  move_scratch(process, scratch, taken);
  auto moved = wanted.kernel_pages;
  for (size_t i = 0; i < moved.size(); ++i) {
    moved[i].start = aside + (now.kernel_pages[i].start - now.kernel_pages.front().start);
    moved[i].end = moved[i].start + now.kernel_pages[i].bytes();
  }
  move_kernel_pages(process, moved, wanted.kernel_pages.front().start);
  const bool same_file = set_marks(process, wanted);
  if (!same_file) process.runs(wanted.executable);
  map_stack(process, wanted.stack);
  return same_file;
}

}  // namespace rollpoint::tracee
