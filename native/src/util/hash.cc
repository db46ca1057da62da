// Hash and zero test of one page. Pure, see hash.h.
#include "util/hash.h"

#include <bit>
#include <cstring>

namespace rollpoint::util {
namespace {

constexpr size_t kLanes = 8;
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, odd

uint64_t load(const std::byte* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93;
  x = (x ^ (x >> 29)) * kMultiplier;
  return x ^ (x >> 32);
}

}  // namespace

uint64_t hash_page(const std::byte* block) {
  // Eight independent multiply chains hide the latency of the multiplier. Without the rotation a
  // difference in a top bit would stay in that bit, and two of them in one lane would cancel out.
  uint64_t lane[kLanes];
  for (size_t i = 0; i < kLanes; ++i) lane[i] = kMultiplier * (2 * i + 1);
  for (const std::byte* at = block; at != block + kHashBlock; at += kLanes * sizeof(uint64_t))
    for (size_t i = 0; i < kLanes; ++i)
      lane[i] = std::rotl(lane[i] ^ load(at + i * sizeof(uint64_t)), 29) * kMultiplier;
  uint64_t hash = kHashBlock;
  for (size_t i = 0; i < kLanes; ++i) hash = mix(hash ^ lane[i]);
  return hash;
}

bool is_zero_page(const std::byte* block) {
  for (const std::byte* at = block; at != block + kHashBlock; at += 128) {
    uint64_t any = 0;
    for (size_t i = 0; i < 128; i += sizeof(uint64_t)) any |= load(at + i);
    if (any) return false;
  }
  return true;
}

}  // namespace rollpoint::util
