// How long an x86-64 instruction is: enough to walk a few of them and land on a boundary.
// Knows nothing of what they do, nor where they come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace rollpoint::util {

/// Length of the first instruction in `code`, bytes; 0 for what is cut off, invalid, or of the vector extensions (VEX, EVEX).
/// Opcode maps: Intel SDM vol. 2, appendix A.
size_t instruction_length(std::span<const uint8_t> code);

}  // namespace rollpoint::util
