// What waits in a terminal, taken out and put back through its other end. The only way to read it: the kernel cannot peek.
// Nothing here knows of processes; the caller has made sure that nobody else reads.
#pragma once

#include <sys/types.h>

#include "resources/terminal.h"

namespace rollpoint::resources {

/// The master of the pseudo-terminal behind `slave` among the descriptors of our own process; -1: it is not ours. Looked
/// for once per debuggee.
int master_of_ours(pid_t debuggee, int slave);

/// As it was afterwards. `unread`: as FIONREAD tells. A line that is not finished yet shows only in raw mode, and going
/// there would hand it to a child that waits in read(2): it is looked for only when `alone`.
TerminalInput look_at_input(int slave, int master, const termios2& settings, int unread, bool alone);
/// Leaves the terminal empty, its settings as they were.
TerminalInput take_input(int slave, const termios2& settings);
/// The terminal is empty; it ends up with `settings`. False when the kernel did not take it all.
bool put_input(int slave, int master, const termios2& settings, const TerminalInput& input);

std::string look_at_output(int master, int slave, const termios2& settings, bool packets);
/// Leaves packet mode off.
std::string take_output(int master, bool packets);
bool put_output(int master, int slave, const termios2& settings, const std::string& output);

}  // namespace rollpoint::resources
