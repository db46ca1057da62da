// The readers of /proc/PID/maps and smaps, on this very process and on lines written down.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

#include "check.h"
#include "memory/maps.h"

using namespace rollpoint::memory;

namespace {

constexpr size_t kPage = 4096;

/// A mapping that is gone at the end of the test.
struct Mapping {
  Mapping(size_t size, int prot, int flags, int fd = -1, off_t offset = 0)
      : size(size), address(mmap(nullptr, size, prot, flags, fd, offset)) {
    CHECK(address != MAP_FAILED);
  }
  ~Mapping() { munmap(address, size); }
  uint64_t start() const { return reinterpret_cast<uint64_t>(address); }
  size_t size;
  void* address;
};

/// A file with an awkward name in a directory of its own.
struct AwkwardFile {
  AwkwardFile() {
    char name[] = "/tmp/rollpoint-unit-XXXXXX";
    CHECK(mkdtemp(name));
    directory = name;
    path = directory + "/two  spaces\nand \\ a line";
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 4 * kPage) == 0);
  }
  ~AwkwardFile() {
    close(fd);
    unlink(path.c_str());
    rmdir(directory.c_str());
  }
  std::string directory, path;
  int fd;
};

/// The mappings that both readings saw alike: reading itself makes and grows mappings.
std::vector<Vma> in_both(const std::vector<Vma>& before, const std::vector<Vma>& after) {
  std::vector<Vma> result;
  for (const Vma& vma : before)
    if (std::find(after.begin(), after.end(), vma) != after.end()) result.push_back(vma);
  CHECK(result.size() > 10);
  return result;
}

void own_maps_match_a_plain_parser() {
  const auto before = read_maps(getpid());
  std::ifstream file("/proc/self/maps");
  std::map<uint64_t, std::string> lines;  // by start address
  for (std::string line; std::getline(file, line);) lines[std::stoull(line, nullptr, 16)] = line;
  for (const Vma& vma : in_both(before, read_maps(getpid()))) {
    CHECK(lines.contains(vma.start));
    const std::string& line = lines[vma.start];
    uint64_t start, end, offset, inode;
    char perms[5];
    unsigned device_major, device_minor;
    int used = 0;
    CHECK(std::sscanf(line.c_str(), "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, perms, &offset, &device_major,
                      &device_minor, &inode, &used) >= 7);
    CHECK(vma.start == start && vma.end == end && vma.offset == offset && vma.inode == inode);
    CHECK(vma.device == makedev(device_major, device_minor));
    CHECK(((vma.prot & PROT_READ) != 0) == (perms[0] == 'r') && vma.writable() == (perms[1] == 'w'));
    CHECK(((vma.prot & PROT_EXEC) != 0) == (perms[2] == 'x') && vma.shared == (perms[3] == 's'));
    CHECK(vma.path == line.substr(static_cast<size_t>(used)));
  }
}

void kinds_of_mappings_are_told_apart() {
  int local = 0;
  static int global = 0;
  Mapping anonymous(2 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  Mapping none(kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
  Mapping shared(kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  const int memfd = memfd_create("unit", MFD_CLOEXEC);
  CHECK(memfd >= 0 && ftruncate(memfd, kPage) == 0);
  Mapping in_memory(kPage, PROT_READ, MAP_SHARED, memfd);
  close(memfd);
  const auto maps = read_maps(getpid());
  const auto at = [&](uint64_t address) {
    const Vma* vma = find_vma(maps, address);
    CHECK(vma && vma->contains(address));
    return *vma;
  };
  CHECK(at(reinterpret_cast<uint64_t>(&local)).is_stack() && at(reinterpret_cast<uint64_t>(&local)).is_anonymous());
  CHECK(at(anonymous.start()).is_anonymous() && !at(anonymous.start()).is_file());
  CHECK(at(none.start()).prot == 0);
  const Vma shared_vma = at(shared.start());
  CHECK(shared_vma.is_shared_anonymous() && shared_vma.shared && shared_vma.is_file() && !shared_vma.is_anonymous());
  const Vma memfd_vma = at(in_memory.start());
  CHECK(memfd_vma.is_memfd() && memfd_vma.deleted() && memfd_vma.file_path() == "/memfd:unit");
  CHECK(!memfd_vma.is_shared_anonymous());
  const Vma code = at(reinterpret_cast<uint64_t>(&kinds_of_mappings_are_told_apart));
  CHECK(code.is_file() && (code.prot & PROT_EXEC) && !code.deleted() && !code.is_special());
  CHECK(at(reinterpret_cast<uint64_t>(&global)).writable());
  size_t vdso = 0;
  for (const Vma& vma : maps) {
    vdso += vma.path == "[vdso]";
    if (vma.path == "[vdso]" || vma.path.starts_with("[vvar")) CHECK(vma.is_special() && !vma.is_anonymous());
  }
  CHECK(vdso == 1 && find_vma(maps, 0) == nullptr && find_vma(maps, ~uint64_t{0}) == nullptr);
}

void awkward_file_names_come_back_whole() {
  AwkwardFile file;
  struct stat status;
  CHECK(fstat(file.fd, &status) == 0);
  Mapping mapping(2 * kPage, PROT_READ, MAP_PRIVATE, file.fd, kPage);
  auto maps = read_maps(getpid());
  const Vma* vma = find_vma(maps, mapping.start());
  CHECK(vma && vma->path == file.path && vma->offset == kPage && vma->inode == status.st_ino);
  CHECK(!vma->deleted() && vma->file_path() == file.path);
  CHECK(unlink(file.path.c_str()) == 0);
  maps = read_maps(getpid());
  vma = find_vma(maps, mapping.start());
  CHECK(vma && vma->deleted() && vma->path == file.path + " (deleted)" && vma->file_path() == file.path);
}

void written_lines_are_parsed() {
  const auto maps = parse_maps(
      "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/dbus daemon\n"
      "7f0000000000-7f0000001000 rw-s 00000000 00:01 32771                      /SYSV00001234 (deleted)\n"
      "7f0000001000-7f0000002000 ---p 00000000 00:00 0 \n"
      "7f0000002000-7f0000003000 rw-p 00000000 00:00 0                          [anon:some name]\n"
      "7f0000003000-7f0000004000 rw-s 00000000 00:01 0                          /SYSV00000000 (deleted)\n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]");
  CHECK(maps.size() == 6);
  CHECK(maps[0].path == "/usr/bin/dbus daemon" && maps[0].inode == 173521 && maps[0].device == makedev(8, 2));
  CHECK(maps[0].offset == 0x1000 && maps[0].prot == (PROT_READ | PROT_EXEC) && maps[0].bytes() == 0x52000);
  CHECK(maps[1].is_sysv() && maps[1].shared && maps[1].deleted());
  CHECK(maps[2].path.empty() && maps[2].is_anonymous());
  CHECK(maps[3].is_anonymous() && maps[3].path == "[anon:some name]");
  CHECK(maps[4].is_sysv() && maps[4].is_file() && maps[4].deleted());
  CHECK(maps[5].is_special() && maps[5].start == 0xffffffffff600000);
  CHECK(parse_maps("").empty());
  for (const char* bad : {"nonsense", "1000-2000", "1000-2000 rw-p 0 0:0", "1000 2000 rw-p 0 0:0 0", "1000-2000 rw-p 0 00 0"})
    CHECK_THROWS(parse_maps(bad));
  CHECK_THROWS(read_maps(-1));
}

void flags_of_mappings_are_read() {
  // Neighbours with different flags are separate mappings, hence one area with a page for each.
  Mapping area(7 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  auto* const begin = static_cast<std::byte*>(area.address);
  CHECK(madvise(begin + kPage, kPage, MADV_DONTFORK) == 0);
  CHECK(madvise(begin + 3 * kPage, kPage, MADV_WIPEONFORK) == 0);
  CHECK(madvise(begin + 5 * kPage, kPage, MADV_DONTDUMP) == 0);
  const auto before = read_maps(getpid());
  const auto flags = read_smaps_flags(getpid());
  const auto at = [&](size_t page) {
    for (const VmaFlags& vma : flags)
      if (vma.start <= area.start() + page * kPage && area.start() + page * kPage < vma.end) return vma.flags;
    CHECK(false && "mapping found");
    return VmFlags{};
  };
  CHECK(at(0) == at(2) && at(2) == at(4));
  CHECK(at(1).dc && !at(1).wf && !at(1).dd);
  CHECK(at(3).wf && !at(3).dc);
  CHECK(at(5).dd && !at(5).dc);
  CHECK(!at(0).dc && !at(0).wf && !at(0).dd && !at(0).sl && !at(0).ht);
  int local = 0;
  bool stack_grows = false;
  for (const VmaFlags& vma : flags)
    if (vma.start <= reinterpret_cast<uint64_t>(&local) && reinterpret_cast<uint64_t>(&local) < vma.end)
      stack_grows = vma.flags.gd;
  CHECK(stack_grows);
  for (const Vma& vma : in_both(before, read_maps(getpid())))
    CHECK(std::any_of(flags.begin(), flags.end(),
                      [&](const VmaFlags& other) { return other.start == vma.start && other.end == vma.end; }));
  const auto written = parse_smaps_flags(
      "1000-2000 rw-p 00000000 00:00 0 \nSize:  4 kB\nVmFlags: rd wr mr mw me dc lo nr io pf sl ht gu um uw dp ss hg nh mg \n"
      "a000-b000 rw-p 00000000 00:00 0 \nSize:  4 kB\nProtectionKey:  0\n");
  CHECK(written.size() == 2 && written[1].start == 0xa000 && written[1].flags == VmFlags{});
  const VmFlags all = written[0].flags;
  CHECK(all.dc && all.lo && all.nr && all.io && all.pf && all.sl && all.ht && all.gu && all.um && all.uw && all.dp);
  CHECK(all.ss && all.hg && all.nh && all.mg && !all.dd && !all.wf && !all.gd);
}

}  // namespace

int main() {
  return check::run({
      {"maps: own maps match a plain parser", own_maps_match_a_plain_parser},
      {"maps: kinds of mappings are told apart", kinds_of_mappings_are_told_apart},
      {"maps: awkward file names come back whole", awkward_file_names_come_back_whole},
      {"maps: written lines are parsed", written_lines_are_parsed},
      {"maps: flags of mappings are read", flags_of_mappings_are_read},
  });
}
