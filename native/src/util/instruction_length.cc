#include "util/instruction_length.h"

namespace rollpoint::util {

namespace {

struct Shape {
  bool valid = true;
  bool modrm = false;
  size_t immediate = 0;
};

constexpr Shape kInvalid{false, false, 0};

struct Prefixes {
  bool operand16 = false, address32 = false, wide = false;
  /// Immediates that follow the operand size stay at four bytes in 64-bit code.
  size_t immediate() const { return operand16 ? 2 : 4; }
};

Shape one_byte(uint8_t op, uint8_t next, const Prefixes& prefixes) {
  const Shape plain{}, with_modrm{true, true, 0};
  const size_t full = prefixes.immediate();
  if (op < 0x40) {
    switch (op & 7) {
      case 0: case 1: case 2: case 3: return with_modrm;
      case 4: return {true, false, 1};
      case 5: return {true, false, full};
      default: return kInvalid;
    }
  }
  if (op >= 0x50 && op <= 0x5f) return plain;
  if (op >= 0x70 && op <= 0x7f) return {true, false, 1};
  if (op >= 0x84 && op <= 0x8f) return with_modrm;
  if (op >= 0xa0 && op <= 0xa3) return {true, false, prefixes.address32 ? size_t{4} : size_t{8}};
  if (op >= 0xb0 && op <= 0xb7) return {true, false, 1};
  if (op >= 0xb8 && op <= 0xbf) return {true, false, prefixes.wide ? size_t{8} : full};
  if (op >= 0xd8 && op <= 0xdf) return with_modrm;
  switch (op) {
    case 0x63: case 0xd0: case 0xd1: case 0xd2: case 0xd3: case 0xfe: case 0xff: return with_modrm;
    case 0x68: case 0xa9: return {true, false, full};
    case 0x69: case 0x81: case 0xc7: return {true, true, full};
    case 0x6b: case 0x80: case 0x83: case 0xc0: case 0xc1: case 0xc6: return {true, true, 1};
    case 0x6a: case 0xa8: case 0xcd: case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe4: case 0xe5: case 0xe6: case 0xe7: case 0xeb:
      return {true, false, 1};
    case 0xc2: case 0xca: return {true, false, 2};
    case 0xc8: return {true, false, 3};
    case 0xe8: case 0xe9: return {true, false, 4};
    case 0xf6: return {true, true, (next >> 3 & 7) < 2 ? size_t{1} : size_t{0}};  // test has an immediate, its siblings none
    case 0xf7: return {true, true, (next >> 3 & 7) < 2 ? full : size_t{0}};
    case 0x62: case 0x82: case 0x9a: case 0xc4: case 0xc5: case 0xce: case 0xd4: case 0xd5: case 0xd6: case 0xea: return kInvalid;
    default: return plain;
  }
}

Shape two_byte(uint8_t op) {
  const Shape plain{}, with_modrm{true, true, 0}, with_both{true, true, 1};
  if (op >= 0x80 && op <= 0x8f) return {true, false, 4};
  if (op >= 0xc8 && op <= 0xcf) return plain;
  switch (op) {
    case 0x05: case 0x06: case 0x07: case 0x08: case 0x09: case 0x0b: case 0x30: case 0x31: case 0x32: case 0x33: case 0x34: case 0x35: case 0x37:
    case 0x77: case 0xa0: case 0xa1: case 0xa2: case 0xa8: case 0xa9: case 0xaa:
      return plain;
    case 0x70: case 0x71: case 0x72: case 0x73: case 0xa4: case 0xac: case 0xba: case 0xc2: case 0xc4: case 0xc5: case 0xc6: return with_both;
    case 0x04: case 0x0a: case 0x0c: case 0x0e: case 0x0f: case 0x24: case 0x25: case 0x26: case 0x27: case 0x36: case 0x39: case 0x3b: case 0x3c:
    case 0x3d: case 0x3e: case 0x3f: case 0x78: case 0x79: case 0x7a: case 0x7b: case 0xa6: case 0xa7:
      return kInvalid;
    default: return with_modrm;
  }
}

// The ModR/M byte with what it asks for: SIB byte, displacement. 0 where cut off.
size_t modrm_length(std::span<const uint8_t> code) {
  if (code.empty()) return 0;
  const unsigned mode = code[0] >> 6, rm = code[0] & 7;
  if (mode == 3) return 1;
  size_t length = 1;
  bool no_base = mode == 0 && rm == 5;
  if (rm == 4) {
    if (code.size() < 2) return 0;
    ++length;
    no_base = mode == 0 && (code[1] & 7) == 5;
  }
  if (mode == 1) return length + 1;
  return mode == 2 || no_base ? length + 4 : length;
}

}  // namespace

size_t instruction_length(std::span<const uint8_t> code) {
  Prefixes prefixes;
  size_t at = 0;
  for (; at < code.size(); ++at) {
    const uint8_t byte = code[at];
    if (byte == 0x66) prefixes.operand16 = true;
    else if (byte == 0x67) prefixes.address32 = true;
    else if (byte != 0xf2 && byte != 0xf3 && byte != 0xf0 && byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x26 && byte != 0x64 && byte != 0x65) break;
  }
  if (at < code.size() && (code[at] & 0xf0) == 0x40) {
    prefixes.wide = code[at] & 8;
    if (prefixes.wide) prefixes.operand16 = false;
    ++at;
  }
  if (at >= code.size()) return 0;
  const uint8_t op = code[at++];
  Shape shape;
  if (op != 0x0f) {
    shape = one_byte(op, at < code.size() ? code[at] : 0, prefixes);
  } else {
    if (at >= code.size()) return 0;
    const uint8_t second = code[at++];
    if (second == 0x38 || second == 0x3a) {
      ++at;  // all of these maps have a ModR/M byte
      shape = {true, true, second == 0x3a ? size_t{1} : size_t{0}};
    } else {
      shape = two_byte(second);
    }
  }
  if (!shape.valid || at > code.size()) return 0;
  if (shape.modrm) {
    const size_t length = modrm_length(code.subspan(at));
    if (!length) return 0;
    at += length;
  }
  at += shape.immediate;
  return at <= code.size() ? at : 0;
}

}  // namespace rollpoint::util
