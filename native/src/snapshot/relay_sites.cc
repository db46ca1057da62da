#include "snapshot/relay_sites.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "tracee/arch.h"
#include "util/instruction_length.h"

namespace rollpoint::snapshot {

using resources::NumberIn;

namespace {

constexpr size_t kArgumentWindow = 64;  // from the load of a number to the call, bytes
constexpr size_t kFunctionBytes = 256;  // looked at of a function
constexpr size_t kCallLength = 5;

int32_t relative(const uint8_t* at) {
  int32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

const uint8_t* find(const uint8_t* from, const uint8_t* end, uint8_t byte) {
  return from < end ? static_cast<const uint8_t*>(memchr(from, byte, static_cast<size_t>(end - from))) : nullptr;
}

struct Loaded {
  uint32_t number;
  NumberIn in;
};

// Leaves the straight line: call, jmp, ret.
bool transfers(const uint8_t* at) { return *at == 0xe8 || *at == 0xe9 || *at == 0xeb || *at == 0xc3 || (*at == 0xff && (at[1] & 0x38) >= 0x10 && (at[1] & 0x38) <= 0x28); }

std::optional<Loaded> load_at(const uint8_t* at, size_t size) {
  if (size >= 5 && at[0] == 0xbf) return Loaded{static_cast<uint32_t>(relative(at + 1)), NumberIn::kFirstArgument};  // mov $n, %edi
  if (size >= 7 && at[0] == 0x48 && at[1] == 0xc7 && at[2] == 0xc7) return Loaded{static_cast<uint32_t>(relative(at + 3)), NumberIn::kFirstArgument};
  if (size >= 8 && at[0] == 0x48 && at[1] == 0xc7 && at[2] == 0x04 && at[3] == 0x24) return Loaded{static_cast<uint32_t>(relative(at + 4)), NumberIn::kSeventhArgument};  // movq $n, (%rsp)
  if (size >= 2 && at[0] == 0x31 && at[1] == 0xff) return Loaded{0, NumberIn::kFirstArgument};  // xor %edi, %edi
  if (size >= 5 && at[0] == 0x68) return Loaded{static_cast<uint32_t>(relative(at + 1)), NumberIn::kSeventhArgument};  // push $n
  if (size >= 2 && at[0] == 0x6a) return Loaded{at[1], NumberIn::kSeventhArgument};
  return std::nullopt;
}

bool walks_to(const uint8_t* from, const uint8_t* to) {
  bool first = true;
  while (from < to) {
    const size_t length = util::instruction_length({from, static_cast<size_t>(to - from)});
    if (!length || (!std::exchange(first, false) && transfers(from))) return false;
    from += length;
  }
  return from == to;
}

// What is loaded as `in` on the straight way to `call`, the load nearest to it.
std::optional<uint32_t> number_before(const uint8_t* begin, const uint8_t* call, NumberIn in) {
  const uint8_t* first = call - std::min<ptrdiff_t>(call - begin, kArgumentWindow);
  for (const uint8_t* at = call; at-- > first;)
    if (const auto load = load_at(at, static_cast<size_t>(call - at)); load && load->in == in && walks_to(at, call)) return load->number;
  return std::nullopt;
}

class Own {
 public:
  explicit Own(const Text& text) : text_(text) {}

  /// Whether the function at `address` makes a system call whose number is not its own, by itself or through another.
  bool relays(uint64_t address, int depth = 2) {
    if (address < text_.address || address - text_.address >= text_.code.size()) return false;
    const auto [it, is_new] = known_.try_emplace({address, depth}, false);
    if (is_new) it->second = look(address, depth);
    return it->second;
  }

 private:
  bool look(uint64_t address, int depth) {
    const uint8_t* const begin = text_.code.data() + (address - text_.address);
    const uint8_t* const end = begin + std::min<size_t>(kFunctionBytes, static_cast<size_t>(text_.code.data() + text_.code.size() - begin));
    bool own_number = false;
    for (const uint8_t* at = begin; at < end;) {
      const size_t length = util::instruction_length({at, static_cast<size_t>(end - at)});
      if (!length) return false;
      const uint64_t next = address + static_cast<uint64_t>(at - begin) + length;
      if (at[0] == 0xb8) own_number = true;                             // mov $n, %eax
      else if (at[0] == 0x31 && at[1] == 0xc0) own_number = true;       // xor %eax, %eax
      else if (moves_to_rax(at, length)) own_number = (at[0] & 0xf8) != 0x48;  // of 32 bits: a constant from elsewhere
      if (length == 2 && at[0] == 0x0f && at[1] == 0x05 && !own_number && at != begin) return true;
      if (length == kCallLength && (at[0] == 0xe8 || at[0] == 0xe9) && depth > 0 && relays(next + static_cast<uint64_t>(int64_t{relative(at + 1)}), depth - 1)) return true;
      if (length == 2 && at[0] == 0xeb && depth > 0 && relays(next + static_cast<uint64_t>(int64_t{static_cast<int8_t>(at[1])}), depth - 1)) return true;
      if (at[0] == 0xcc || at[0] == 0xf4) return false;
      // Behind a return is what a jump leads to, else another function.
      if (at[0] == 0xc3 && !jumped_over(begin, at)) return false;
      at += length;
    }
    return false;
  }

  // mov to %rax or %eax from a register or from memory.
  static bool moves_to_rax(const uint8_t* at, size_t length) {
    const size_t op = (at[0] & 0xf0) == 0x40 ? 1 : 0;
    if (length < op + 2) return false;
    const uint8_t modrm = at[op + 1];
    if (at[op] == 0x8b) return (modrm & 0x38) == 0 && !(op && (at[0] & 4));
    if (at[op] == 0x89) return modrm >= 0xc0 && (modrm & 7) == 0 && !(op && (at[0] & 1));
    return false;
  }

  // Whether a conditional jump before `at` leads behind it.
  static bool jumped_over(const uint8_t* begin, const uint8_t* at) {
    for (const uint8_t* from = begin; from < at;) {
      const size_t length = util::instruction_length({from, static_cast<size_t>(at - from)});
      if (!length) return false;
      if (length == 2 && (from[0] & 0xf0) == 0x70 && from + 2 + static_cast<int8_t>(from[1]) > at) return true;
      if (length == 6 && from[0] == 0x0f && (from[1] & 0xf0) == 0x80 && from + 6 + relative(from + 2) > at) return true;
      from += length;
    }
    return false;
  }

  const Text& text_;
  std::map<std::pair<uint64_t, int>, bool> known_;
};

}  // namespace

RelaySites find_own_relays(const Text& text, bool several) {
  RelaySites sites;
  std::map<uint64_t, std::set<uint32_t>> numbers;  // by function
  Own own(text);
  const uint8_t* const begin = text.code.data();
  const uint8_t* const end = begin + text.code.size();
  // From the loads of numbers, which are few, to the next transfer.
  const auto try_from = [&](const uint8_t* load) {
    const auto loaded = load_at(load, static_cast<size_t>(end - load));
    if (!loaded || !resources::is_file_call(loaded->number)) return;
    const uint8_t* at = load;
    while (at - load < static_cast<ptrdiff_t>(kArgumentWindow)) {
      const size_t length = util::instruction_length({at, static_cast<size_t>(end - at)});
      if (!length) return;
      if (at != load && transfers(at)) {
        if (length != kCallLength || (at[0] != 0xe8 && (at[0] != 0xe9 || loaded->in == NumberIn::kSeventhArgument))) return;
        if (number_before(begin, at, loaded->in) != loaded->number) return;
        const uint64_t site = text.address + static_cast<uint64_t>(at - begin);
        const uint64_t target = site + length + static_cast<uint64_t>(int64_t{relative(at + 1)});
        if (!own.relays(target)) return;
        sites.emplace(site, RelaySite{loaded->in, at[0] == 0xe8, static_cast<uint8_t>(length), false, target});
        numbers[target].insert(loaded->number);
        return;
      }
      at += length;
    }
  };
  for (const uint8_t byte : {0xbf, 0x68, 0x6a, 0xc7})
    for (const uint8_t* at = begin; (at = find(at, end, byte)) != nullptr; ++at)
      if (byte != 0xc7) try_from(at);
      else if (at > begin && at[-1] == 0x48) try_from(at - 1);
  if (several) std::erase_if(sites, [&](auto& entry) { return numbers[entry.second.target].size() < 2; });
  return sites;
}

RelaySites find_imported_relays(const Text& text, const std::set<uint64_t>& slots) {
  RelaySites sites;
  if (slots.empty()) return sites;
  const uint8_t* const begin = text.code.data();
  const uint8_t* const end = begin + text.code.size();
  const auto address_of = [&](const uint8_t* at) { return text.address + static_cast<uint64_t>(at - begin); };
  const auto changes_files = [&](const uint8_t* at, bool or_unknown) {
    const auto number = number_before(begin, at, NumberIn::kFirstArgument);
    return number ? resources::is_file_call(*number) : or_unknown;
  };
  std::set<uint64_t> stubs;  // of the procedure linkage table
  for (const uint8_t* at = begin; (at = find(at, end - 6, 0xff)) != nullptr; ++at) {
    if (at[1] != 0x25 && at[1] != 0x15) continue;  // jmp or call *slot(%rip)
    const uint64_t slot = address_of(at) + 6 + static_cast<uint64_t>(int64_t{relative(at + 2)});
    if (!slots.contains(slot)) continue;
    const bool returns = at[1] == 0x15;
    if (changes_files(at, returns)) {
      sites.emplace(address_of(at), RelaySite{NumberIn::kFirstArgument, returns, 6, true, slot});
    } else if (!returns) {
      constexpr uint8_t kLanding[] = {0xf3, 0x0f, 0x1e, 0xfa};  // endbr64
      const uint8_t* start = at > begin && at[-1] == 0xf2 ? at - 1 : at;  // bnd
      if (start - begin >= 4 && memcmp(start - 4, kLanding, 4) == 0) start -= 4;
      stubs.insert(address_of(start));
    }
  }
  if (stubs.empty()) return sites;
  for (const uint8_t opcode : {0xe8, 0xe9})
    for (const uint8_t* at = begin; (at = find(at, end - kCallLength, opcode)) != nullptr; ++at) {
      const uint64_t target = address_of(at) + kCallLength + static_cast<uint64_t>(int64_t{relative(at + 1)});
      if (stubs.contains(target) && changes_files(at, opcode == 0xe8))
        sites.emplace(address_of(at), RelaySite{NumberIn::kFirstArgument, opcode == 0xe8, kCallLength, false, target});
    }
  return sites;
}

bool has_open_relay(const Text& text) {
  const uint8_t* const begin = text.code.data();
  const uint8_t* const end = begin + text.code.size();
  for (const uint8_t* from = begin; from < end;) {
    const auto* hit = static_cast<const uint8_t*>(memmem(from, static_cast<size_t>(end - from), arch::kSyscallInstruction.data(), arch::kSyscallLength));
    if (!hit) break;
    from = hit + arch::kSyscallLength;
    // From the start of the function nothing but moves between registers, none of them the number's: the caller has it.
    int moves = 0;
    const uint8_t* at = hit;
    while (at - begin >= 3 && (at[-3] & 0xf8) == 0x48 && at[-2] == 0x89 && at[-1] >= 0xc0 && ((at[-1] & 7) != 0 || (at[-3] & 1))) {
      at -= 3;
      ++moves;
    }
    if (moves >= 2 && at > begin && (at[-1] == 0xcc || at[-1] == 0xc3)) return true;
  }
  return false;
}

}  // namespace rollpoint::snapshot
