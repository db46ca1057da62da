// What /proc/PID/stat and its neighbours tell of a process: its place in the tree and how it ended.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace rollpoint::supervisor {

struct ProcessStat {
  char state = 0;  // proc(5): R, S, Z …
  pid_t parent = 0, group = 0, session = 0;
  int exit_signal = 0;
  int exit_status = 0;  // of a zombie, as wait(2) tells it
};

std::optional<ProcessStat> read_process_stat(pid_t pid);
/// Of all its threads, zombies included.
std::vector<pid_t> children_of(pid_t pid);
/// "Child process 17 (name)", for messages.
std::string child_name(pid_t pid);

}  // namespace rollpoint::supervisor
