// Parsers for /proc/PID/maps and smaps; formats as in proc_pid_maps(5) and proc_pid_smaps(5).
#include "memory/maps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::memory {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

std::string read_proc(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  util::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw util::SysError("open " + path, errno);
  std::string text;
  size_t used = 0;
  for (;;) {
    if (text.size() - used < 32768) text.resize(std::max<size_t>(65536, text.size() * 2));
    const ssize_t got = read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw util::SysError("read " + path, errno);
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  text.resize(used);
  return text;
}

// Walks one line; every step throws on a malformed one.
class Cursor {
 public:
  explicit Cursor(std::string_view line) : at_(line.data()), end_(line.data() + line.size()) {}

  uint64_t hex() {
    uint64_t value = 0;
    const char* const begin = at_;
    for (; at_ != end_; ++at_) {
      const char c = *at_;
      if (c >= '0' && c <= '9')
        value = value << 4 | static_cast<uint64_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value = value << 4 | static_cast<uint64_t>(c - 'a' + 10);
      else
        break;
    }
    if (at_ == begin) malformed();
    return value;
  }
  uint64_t decimal() {
    uint64_t value = 0;
    const char* const begin = at_;
    for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_) value = value * 10 + static_cast<uint64_t>(*at_ - '0');
    if (at_ == begin) malformed();
    return value;
  }
  char next() {
    if (at_ == end_) malformed();
    return *at_++;
  }
  void skip(char expected) {
    if (next() != expected) malformed();
  }
  std::string_view rest_after_spaces() {
    while (at_ != end_ && *at_ == ' ') ++at_;
    return {at_, static_cast<size_t>(end_ - at_)};
  }

 private:
  [[noreturn]] static void malformed() { throw util::SysError("parse /proc/PID/maps", EINVAL); }

  const char* at_;
  const char* end_;
};

// The kernel escapes newlines only; a backslash stands for itself.
std::string unescape(std::string_view text) {
  constexpr std::string_view kNewline = "\\012";
  std::string result(text);
  for (size_t at = 0; (at = result.find(kNewline, at)) != std::string::npos; ++at)
    result.replace(at, kNewline.size(), 1, '\n');
  return result;
}

Vma parse_line(std::string_view line) {
  Cursor cursor(line);
  Vma vma;
  vma.start = cursor.hex();
  cursor.skip('-');
  vma.end = cursor.hex();
  cursor.skip(' ');
  if (cursor.next() == 'r') vma.prot |= PROT_READ;
  if (cursor.next() == 'w') vma.prot |= PROT_WRITE;
  if (cursor.next() == 'x') vma.prot |= PROT_EXEC;
  vma.shared = cursor.next() == 's';
  cursor.skip(' ');
  vma.offset = cursor.hex();
  cursor.skip(' ');
  const uint64_t major_number = cursor.hex();
  cursor.skip(':');
  const uint64_t minor_number = cursor.hex();
  vma.device = makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
  cursor.skip(' ');
  vma.inode = cursor.decimal();
  const std::string_view path = cursor.rest_after_spaces();
  if (!path.empty()) vma.path = unescape(path);
  return vma;
}

template <class Fn>
void for_each_line(std::string_view text, Fn fn) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    fn(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

constexpr unsigned letters(char a, char b) { return static_cast<unsigned>(a) << 8 | static_cast<unsigned>(b); }

VmFlags parse_flags(std::string_view list) {
  VmFlags flags;
  for (size_t at = 0; at + 2 <= list.size();) {
    if (list[at] == ' ') {
      ++at;
      continue;
    }
    switch (letters(list[at], list[at + 1])) {
      case letters('d', 'c'): flags.dc = true; break;
      case letters('d', 'd'): flags.dd = true; break;
      case letters('w', 'f'): flags.wf = true; break;
      case letters('l', 'o'): flags.lo = true; break;
      case letters('n', 'r'): flags.nr = true; break;
      case letters('i', 'o'): flags.io = true; break;
      case letters('p', 'f'): flags.pf = true; break;
      case letters('s', 'l'): flags.sl = true; break;
      case letters('h', 't'): flags.ht = true; break;
      case letters('g', 'u'): flags.gu = true; break;
      case letters('u', 'm'): flags.um = true; break;
      case letters('u', 'w'): flags.uw = true; break;
      case letters('d', 'p'): flags.dp = true; break;
      case letters('s', 's'): flags.ss = true; break;
      case letters('g', 'd'): flags.gd = true; break;
      case letters('h', 'g'): flags.hg = true; break;
      case letters('n', 'h'): flags.nh = true; break;
      case letters('m', 'g'): flags.mg = true; break;
      default: break;
    }
    at += 2;
  }
  return flags;
}

}  // namespace

bool Vma::writable() const { return prot & PROT_WRITE; }

bool Vma::is_special() const {
  if (path == "anon_inode:[io_uring]" || path == "/[aio] (deleted)") return true;
  return inode == 0 && (path == "[vdso]" || path == "[vsyscall]" || path == "[uprobes]" || path.starts_with("[vvar"));
}

bool Vma::is_shared_anonymous() const {
  return shared && inode != 0 && (path == "/dev/zero (deleted)" || path.starts_with("[anon_shmem:"));
}

std::string Vma::file_path() const {
  return deleted() ? path.substr(0, path.size() - kDeleted.size()) : path;
}

std::vector<Vma> parse_maps(std::string_view text) {
  std::vector<Vma> maps;
  maps.reserve(text.size() / 80 + 1);
  for_each_line(text, [&](std::string_view line) { maps.push_back(parse_line(line)); });
  return maps;
}

std::vector<Vma> read_maps(pid_t pid) { return parse_maps(read_proc(pid, "maps")); }

const Vma* find_vma(const std::vector<Vma>& maps, uint64_t address) {
  const auto at = std::upper_bound(maps.begin(), maps.end(), address,
                                   [](uint64_t wanted, const Vma& vma) { return wanted < vma.end; });
  return at != maps.end() && at->start <= address ? &*at : nullptr;
}

std::vector<VmaFlags> parse_smaps_flags(std::string_view text) {
  constexpr std::string_view kKey = "VmFlags:", kSwap = "Swap:";
  std::vector<VmaFlags> result;
  for_each_line(text, [&](std::string_view line) {
    if (line.empty()) return;
    // Field names begin with a capital, mappings with a lower-case hexadecimal number.
    if (line[0] >= 'A' && line[0] <= 'Z') {
      if (result.empty()) return;
      if (line.starts_with(kKey)) result.back().flags = parse_flags(line.substr(kKey.size()));
      if (line.starts_with(kSwap)) result.back().swapped = strtoull(line.data() + kSwap.size(), nullptr, 10) << 10;
      return;
    }
    Cursor cursor(line);
    VmaFlags vma;
    vma.start = cursor.hex();
    cursor.skip('-');
    vma.end = cursor.hex();
    result.push_back(vma);
  });
  return result;
}

std::vector<VmaFlags> read_smaps_flags(pid_t pid) { return parse_smaps_flags(read_proc(pid, "smaps")); }

}  // namespace rollpoint::memory
