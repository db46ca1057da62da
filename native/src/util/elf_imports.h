// Which slots of an ELF file the dynamic linker fills with the address of a function that the file imports.
// Reads the file; knows no process.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rollpoint::util {

struct Imports {
  /// Addresses as the file numbers them (elf(5), r_offset). Empty where it does not import the function.
  std::vector<uint64_t> slots;
  /// Address, as the file numbers it, of the byte at `text_offset` of the file.
  uint64_t text_address = 0;
};

/// `fd`: a 64-bit little-endian ELF file; anything else imports nothing.
Imports find_imports(int fd, std::string_view function, uint64_t text_offset);

}  // namespace rollpoint::util
