// Calls that change files: the debuggee stops for a moment before each, so that what was there can be kept, and makes it
// from a stub of ours, since a breakpoint stands on its own instruction.
#include <array>
#include <cstring>
#include <utility>

#include "resources/file_calls.h"
#include "supervisor/run_control.h"

namespace rollpoint::supervisor {

using tracee::Tracee;

namespace {

// In the scratch page, behind its loops: syscall; jmp *0(%rip); the address behind the call's own instruction.
constexpr uint64_t kStubs = 2048, kStubBytes = 16, kStubCount = 128;
using Stub = std::array<uint8_t, kStubBytes>;

Stub stub_back_to(uint64_t address) {
  Stub stub{0x0f, 0x05, 0xff, 0x25, 0, 0, 0, 0};
  memcpy(&stub[8], &address, sizeof address);
  return stub;
}

}  // namespace

// The thread stands at a hidden breakpoint on a system call. False where there is no room for another stub.
bool RunControl::detour(Tracee& tracee) {
  if (!process_.scratch) return false;
  if (tracee.dispatch() != tracee::DispatchConfiguration{}) {
    // Only from where it stands does the kernel make it for a program that answers the calls of other places itself.
    breakpoints_.lift(process_, tracee.pc());
    go_on(tracee);
    return true;
  }
  auto r = tracee.registers();
  auto [it, is_new] = stubs_.try_emplace(r.rip, stubs_.size());
  if (it->second >= kStubCount) return false;
  const uint64_t address = process_.scratch->code + kStubs + it->second * kStubBytes;
  const Stub wanted = stub_back_to(r.rip + arch::kSyscallLength);
  // After an exec or in a new process the page is another.
  Stub now{};
  if (process_.memory().read(address, now.data(), now.size()) != now.size() || now != wanted)
    if (process_.memory().write(address, wanted.data(), wanted.size()) != wanted.size()) return false;
  tracee.detour = r.rip;
  r.rip = address;
  tracee.set_registers(r);
  go_on(tracee);
  return true;
}

// True when the thread was dealt with here.
bool RunControl::at_file_call(Tracee& tracee) {
  if (auto it = relays_.find(tracee.pc()); it != relays_.end()) {
    const auto arguments = resources::arguments_at_relay(process_, tracee, it->second.number);
    if (resources::is_file_call(arguments.number)) callbacks_.before_file_call(tracee, arguments);
    call_relay(tracee, it->second);
    return true;
  }
  const auto arguments = resources::arguments_at_instruction(tracee);
  if (!resources::is_file_call(arguments.number)) return false;
  callbacks_.before_file_call(tracee, arguments);
  return detour(tracee);
}

// The thread stands at a call or jump, under a hidden breakpoint: makes it in its place.
void RunControl::call_relay(Tracee& tracee, const snapshot::RelaySite& site) {
  auto r = tracee.registers();
  const uint64_t back = r.rip + site.length, stack = r.rsp - sizeof back;
  uint64_t target = site.target;
  if ((site.by_slot && process_.memory().read(site.target, &target, sizeof target) != sizeof target) ||
      (site.returns && process_.memory().write(stack, &back, sizeof back) != sizeof back)) {
    // No stack is left: it is the program's own instruction that is to fail.
    breakpoints_.lift(process_, r.rip);
    return go_on(tracee);
  }
  if (site.returns) r.rsp = stack;
  r.rip = target;
  tracee.set_registers(r);
  const bool stepped = tracee.mode == tracee::RunMode::kStep || (tracee.mode == tracee::RunMode::kRange && (target < tracee.range_start || target >= tracee.range_end));
  if (stepped) report({.reason = StopReason::kStep, .tid = tracee.tid(), .executable = {}});
  else go_on(tracee);
}

// A thread that stops in its stub stands where the program knows it: at the call, or behind it.
void RunControl::leave_stub(Tracee& tracee) {
  const uint64_t site = std::exchange(tracee.detour, 0);
  if (!site || !process_.scratch) return;
  auto r = tracee.registers();
  const uint64_t stubs = process_.scratch->code + kStubs;
  if (r.rip < stubs || r.rip >= stubs + kStubCount * kStubBytes) return;
  r.rip = (r.rip - stubs) % kStubBytes == 0 ? site : site + arch::kSyscallLength;
  tracee.set_registers(r);
}

}  // namespace rollpoint::supervisor
