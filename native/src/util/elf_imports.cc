#include "util/elf_imports.h"

#include <elf.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace rollpoint::util {

namespace {

// Beyond that it is no table of a program that somebody made.
constexpr uint64_t kMostBytes = uint64_t{256} << 20;

template <class T>
bool read_table(int fd, uint64_t offset, uint64_t bytes, std::vector<T>& out) {
  if (bytes > kMostBytes) return false;
  out.resize(bytes / sizeof(T));
  const size_t wanted = out.size() * sizeof(T);
  return pread(fd, out.data(), wanted, static_cast<off_t>(offset)) == static_cast<ssize_t>(wanted);
}

struct Dynamic {
  uint64_t symbols = 0, strings = 0, strings_size = 0, jumps = 0, jumps_size = 0, relocations = 0, relocations_size = 0;
};

}  // namespace

Imports find_imports(int fd, std::string_view function, uint64_t text_offset) {
  Imports result;
  Elf64_Ehdr header{};
  if (pread(fd, &header, sizeof header, 0) != sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) return {};
  std::vector<Elf64_Phdr> segments;
  if (!read_table(fd, header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr), segments)) return {};
  const auto offset_of = [&](uint64_t address) -> uint64_t {
    for (auto& segment : segments)
      if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) return address - segment.p_vaddr + segment.p_offset;
    return UINT64_MAX >> 1;
  };
  std::vector<Elf64_Dyn> entries;
  for (auto& segment : segments) {
    // Mappings begin at a page.
    if (segment.p_type == PT_LOAD && text_offset + 4095 >= segment.p_offset && text_offset < segment.p_offset + segment.p_filesz)
      result.text_address = segment.p_vaddr + text_offset - segment.p_offset;
    if (segment.p_type == PT_DYNAMIC && !read_table(fd, segment.p_offset, segment.p_filesz, entries)) return {};
  }
  Dynamic dynamic;
  for (auto& entry : entries) {
    switch (entry.d_tag) {
      case DT_SYMTAB: dynamic.symbols = entry.d_un.d_ptr; break;
      case DT_STRTAB: dynamic.strings = entry.d_un.d_ptr; break;
      case DT_STRSZ: dynamic.strings_size = entry.d_un.d_val; break;
      case DT_JMPREL: dynamic.jumps = entry.d_un.d_ptr; break;
      case DT_PLTRELSZ: dynamic.jumps_size = entry.d_un.d_val; break;
      case DT_RELA: dynamic.relocations = entry.d_un.d_ptr; break;
      case DT_RELASZ: dynamic.relocations_size = entry.d_un.d_val; break;
      default: break;
    }
  }
  std::vector<char> strings;
  if (!dynamic.symbols || !read_table(fd, offset_of(dynamic.strings), dynamic.strings_size, strings)) return {};
  const std::string name = '\0' + std::string(function) + '\0';
  const auto* found = static_cast<const char*>(memmem(strings.data(), strings.size(), name.data(), name.size()));
  if (!found) return {};
  const auto wanted = static_cast<uint32_t>(found + 1 - strings.data());
  for (const auto& [address, size] : {std::pair{dynamic.jumps, dynamic.jumps_size}, {dynamic.relocations, dynamic.relocations_size}}) {
    std::vector<Elf64_Rela> table;
    if (!size || !read_table(fd, offset_of(address), size, table)) continue;
    for (auto& entry : table) {
      const auto type = ELF64_R_TYPE(entry.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      Elf64_Sym symbol{};
      const uint64_t at = offset_of(dynamic.symbols) + ELF64_R_SYM(entry.r_info) * sizeof symbol;
      if (pread(fd, &symbol, sizeof symbol, static_cast<off_t>(at)) == sizeof symbol && symbol.st_name == wanted) result.slots.push_back(entry.r_offset);
    }
  }
  return result;
}

}  // namespace rollpoint::util
