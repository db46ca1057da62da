#include "supervisor/breakpoints.h"

#include <sys/ptrace.h>
#include <sys/user.h>

#include <cstddef>
#include <utility>

#include "util/error.h"

namespace rollpoint::supervisor {

namespace {

size_t debug_offset(int index) { return offsetof(user, u_debugreg) + static_cast<size_t>(index) * sizeof(long); }

bool poke(pid_t tid, int index, uint64_t value) {
  return ptrace(PTRACE_POKEUSER, tid, debug_offset(index), value) == 0;
}

}  // namespace

void Breakpoints::add(BreakpointKind kind, uint64_t address, uint64_t length) {
  if (kind == BreakpointKind::kSoftware) {
    software_.insert(address);
    return;
  }
  if (kind == BreakpointKind::kHardware) length = 1;
  if (kind == BreakpointKind::kRead) kind = BreakpointKind::kAccess;  // x86 cannot watch reads alone
  Slot* free_slot = nullptr;
  for (auto& slot : slots_) {
    if (slot.used && slot.kind == kind && slot.address == address && slot.length == length) return;
    if (!slot.used && !free_slot) free_slot = &slot;
  }
  if ((length != 1 && length != 2 && length != 4 && length != 8) || address % length != 0)
    throw util::CodedError(util::kBusyBreakpoints, "The processor watches 1, 2, 4 or 8 aligned bytes only.");
  if (!free_slot) throw util::CodedError(util::kBusyBreakpoints, "All four debug registers of the processor are in use.");
  *free_slot = {true, kind, address, length};
  rebuild_control();
}

void Breakpoints::remove(BreakpointKind kind, uint64_t address, uint64_t length) {
  if (kind == BreakpointKind::kSoftware) {
    software_.erase(address);
    return;
  }
  if (kind == BreakpointKind::kHardware) length = 1;
  if (kind == BreakpointKind::kRead) kind = BreakpointKind::kAccess;
  for (auto& slot : slots_)
    if (slot.used && slot.kind == kind && slot.address == address && slot.length == length) slot = {};
  rebuild_control();
}

void Breakpoints::set_hidden(const std::vector<uint64_t>& addresses) {
  hidden_.clear();
  lately_.clear();
  for (uint64_t address : addresses)
    if (!useless_.contains(address)) hidden_.insert(address);
}

void Breakpoints::clear() {
  software_.clear();
  hidden_.clear();
  useless_.clear();
  lately_.clear();
  inserted_.clear();
  clear_debug_registers();
  armed_.clear();
}

void Breakpoints::begin_anew() {
  inserted_.clear();
  armed_.clear();
}

void Breakpoints::hand_over(Breakpoints& to) {
  to.software_ = std::exchange(software_, {});
  if (!control_ && !to.control_) return;
  for (int i = 0; i < 4; ++i) to.slots_[i] = std::exchange(slots_[i], {});
  rebuild_control();
  to.rebuild_control();
}

void Breakpoints::forget_wanted() {
  software_.clear();
  if (control_) clear_debug_registers();
}

void Breakpoints::clear_debug_registers() {
  for (auto& slot : slots_) slot = {};
  rebuild_control();
}

void Breakpoints::rebuild_control() {
  control_ = 0;
  for (int i = 0; i < 4; ++i) {
    if (!slots_[i].used) continue;
    // Intel SDM vol. 3, 18.2.4: 0 execute, 1 write, 3 read or write; length 8 is coded 2.
    const uint64_t type = slots_[i].kind == BreakpointKind::kHardware ? 0 : slots_[i].kind == BreakpointKind::kWrite ? 1 : 3;
    const uint64_t size = slots_[i].length == 8 ? 2 : slots_[i].length - 1;
    control_ |= uint64_t{1} << (2 * i);
    control_ |= (type | size << 2) << (16 + 4 * i);
  }
  ++generation_;
}

void Breakpoints::arm(tracee::Tracee& tracee) {
  uint64_t& armed = armed_[tracee.tid()];
  if (tracee.is_new) armed = 0;
  if (armed == generation_ || (armed == 0 && control_ == 0)) return;
  // Disable first: the kernel checks each address against the control bits.
  poke(tracee.tid(), 7, 0);
  for (int i = 0; i < 4; ++i)
    if (slots_[i].used) poke(tracee.tid(), i, slots_[i].address);
  poke(tracee.tid(), 7, control_);
  armed = generation_;
}

std::optional<WatchHit> Breakpoints::take_hit(tracee::Tracee& tracee) {
  errno = 0;
  long status = ptrace(PTRACE_PEEKUSER, tracee.tid(), debug_offset(6), nullptr);
  if (errno || (status & 15) == 0) return std::nullopt;
  poke(tracee.tid(), 6, 0);
  for (int i = 0; i < 4; ++i)
    if ((status >> i & 1) && slots_[i].used) return WatchHit{slots_[i].kind, slots_[i].address};
  return std::nullopt;
}

void Breakpoints::lower(tracee::Process& process, uint64_t address) {
  uint8_t original;
  if (process.memory().read(address, &original, 1) != 1) return;  // unmapped for now (dlclose)
  if (process.memory().write(address, &arch::kBreakpointByte, 1) == 1) inserted_[address] = original;
}

void Breakpoints::lift(tracee::Process& process, uint64_t address) {
  auto it = inserted_.find(address);
  if (it == inserted_.end()) return;
  uint8_t now;
  // The program may have replaced the code meanwhile: then its byte counts.
  if (process.memory().read(address, &now, 1) == 1 && now == arch::kBreakpointByte)
    process.memory().write(address, &it->second, 1);
  lately_.insert(address);
  inserted_.erase(it);
}

void Breakpoints::insert(tracee::Process& process, Which which) {
  without_hidden_ = which == Which::kWithoutHidden;
  for (uint64_t address : software_)
    if (!inserted_.contains(address)) lower(process, address);
  if (without_hidden_) return;
  for (uint64_t address : hidden_)
    if (!inserted_.contains(address) && !useless_.contains(address)) lower(process, address);
}

void Breakpoints::withdraw(tracee::Process& process) {
  while (!inserted_.empty()) lift(process, inserted_.begin()->first);
}

void Breakpoints::withdraw_hidden(tracee::Process& process) {
  hidden_.clear();
  const auto inserted = inserted_;
  for (auto& [address, original] : inserted)
    if (!software_.contains(address)) lift(process, address);
}

void Breakpoints::withdraw_from_copy(memory::RemoteMemory& copy) const {
  for (auto [address, original] : inserted_) copy.write(address, &original, 1);
}

}  // namespace rollpoint::supervisor
