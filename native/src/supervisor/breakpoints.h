// Breakpoints and watchpoints: which are wanted, and putting them into memory and debug registers.
// Instruction bytes stand in memory only while the debuggee runs. Decides nothing about stops.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::supervisor {

enum class BreakpointKind { kSoftware, kHardware, kWrite, kRead, kAccess };

struct WatchHit {
  BreakpointKind kind;
  uint64_t address;
};

class Breakpoints {
 public:
  /// Throws CodedError(kBusyBreakpoints) when no debug register is free or the length does not fit one.
  void add(BreakpointKind kind, uint64_t address, uint64_t length);
  void remove(BreakpointKind kind, uint64_t address, uint64_t length);
  /// A breakpoint of our own at each address, never reported.
  void set_hidden(const std::vector<uint64_t>& addresses);
  /// While it runs: more of them, from the next `insert` on.
  void add_hidden(const std::vector<uint64_t>& addresses) { hidden_.insert(addresses.begin(), addresses.end()); }
  /// It is of no use: not set again, though it may stand until the next stop.
  void drop_hidden(uint64_t address) { useless_.insert(address); }
  /// All forgotten, nothing written: after an exec.
  void clear();
  /// What the debugger has set is forgotten.
  void forget_wanted();
  /// What the debugger has set is of another process from here on: `to`, that runs the same program.
  void hand_over(Breakpoints& to);
  /// Another process takes the debuggee's place: wanted ones stay wanted, none stands in memory or a thread.
  void begin_anew();
  void clear_debug_registers();

  enum class Which { kAll, kWithoutHidden };
  void insert(tracee::Process& process, Which which = Which::kAll);
  void withdraw(tracee::Process& process);
  /// Ours go, also while it runs: those of the debugger stay where they are.
  void withdraw_hidden(tracee::Process& process);
  /// Puts the original bytes into another address space that was copied from the debuggee's (fork).
  void withdraw_from_copy(memory::RemoteMemory& copy) const;
  /// Now or since the resume: a thread may have met one before it was taken out (vfork), and tell so only afterwards.
  bool stood_at(uint64_t address) const { return inserted_.contains(address) || lately_.contains(address); }
  bool wanted_at(uint64_t address) const { return software_.contains(address); }
  bool hidden_at(uint64_t address) const { return hidden_.contains(address); }
  /// Hidden ones are left out of memory: whoever runs is stepped, and is looked at wherever it comes to.
  bool without_hidden() const { return without_hidden_; }
  /// Takes one out and puts it back, around a single step.
  void lift(tracee::Process& process, uint64_t address);
  void lower(tracee::Process& process, uint64_t address);

  /// Brings the thread's debug registers up to date.
  void arm(tracee::Tracee& tracee);
  /// What the debug status register says of the last trap, which it clears.
  std::optional<WatchHit> take_hit(tracee::Tracee& tracee);
  bool uses_debug_registers() const { return control_ != 0; }

 private:
  struct Slot {
    bool used = false;
    BreakpointKind kind{};
    uint64_t address = 0, length = 0;
  };
  void rebuild_control();

  std::set<uint64_t> software_, hidden_, useless_, lately_;
  std::map<uint64_t, uint8_t> inserted_;  // address → original byte
  Slot slots_[4];
  bool without_hidden_ = false;
  uint64_t control_ = 0;
  uint64_t generation_ = 0;
  std::map<pid_t, uint64_t> armed_;  // thread → generation of its debug registers
};

}  // namespace rollpoint::supervisor
