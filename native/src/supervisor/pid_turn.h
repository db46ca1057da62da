// Comes by a chosen process number without privilege: the kernel gives numbers out in turn, so one is waited for.
#pragma once

#include <sys/types.h>

namespace rollpoint::supervisor {

/// Whether the system counts to so few that waiting for a number is no matter of minutes.
bool numbers_come_round();
/// True when the next process or thread that is made, by anybody, will most likely get `pid`. Takes up to a second or
/// two; false at once where numbers do not come round, or where this one is in use.
bool await_turn(pid_t pid);

}  // namespace rollpoint::supervisor
