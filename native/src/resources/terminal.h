// Terminals that the program has open: settings, window size, what was typed and not read yet, the foreground group;
// of a pseudo-terminal whose master it holds too, also what was written and not read. Text on a screen is nobody's.
#pragma once

#include <asm/termbits.h>
#include <sys/ioctl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "tracee/remote_syscalls.h"
#include "util/warning.h"

namespace rollpoint::resources {

/// What a terminal gives to its next readers.
struct TerminalInput {
  /// In canonical mode, as read(2) returns them; one without a delimiter was ended by the end-of-file character.
  std::vector<std::string> lines;
  std::string rest;  // not a line yet; in raw mode: everything
  bool empty() const { return lines.empty() && rest.empty(); }
  bool operator==(const TerminalInput&) const = default;
};

struct Terminal {
  termios2 settings{};
  winsize size{};
  bool exclusive = false;
  int unread = 0;  // bytes that FIONREAD told
  /// Taken out and put back; nullopt where nobody within reach holds the master.
  std::optional<TerminalInput> input;
  // Of a master that the program holds.
  bool held_master = false, packets = false, locked = false;
  std::optional<std::string> output;
};

/// Of a pseudo-terminal its number in devpts, of others 1 << 32 and the device.
using TerminalKey = uint64_t;

struct Terminals {
  std::map<TerminalKey, Terminal> all;
  std::map<int, TerminalKey> masters;  // descriptor number → pseudo-terminal
  uint64_t controlling = 0;            // device, as /proc/PID/stat has it; 0: none
  pid_t foreground = 0;
};

/// `alone`: the process has no children that might read while we look.
Terminals read_terminals(tracee::Process& process, const DescriptorTable& descriptors, bool alone);
/// What could not be put back. Descriptors are in place.
util::Warnings restore_terminals(tracee::Process& process, const DescriptorTable& descriptors, const Terminals& wanted, bool alone);
std::vector<std::string> compare_terminals(tracee::Process& process, const DescriptorTable& descriptors, const Terminals& wanted);
/// A new master in place of one that was closed; empty unless it gets the same number, and with it the same name.
util::UniqueFd recreate_master(const Terminals& wanted, int number);

}  // namespace rollpoint::resources
