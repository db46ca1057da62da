// eventfd(2): counter and semaphore flag.
#pragma once

#include <optional>
#include <string>

#include "resources/descriptors.h"

namespace rollpoint::resources {

struct EventCounter {
  uint64_t count = 0;
  bool semaphore = false;
  int id = -1;  // the kernel's, given again once it is free; -1 before Linux 5.2
};

EventCounter read_eventfd(const tracee::Process& process, int number);
Likeness recognise_eventfd(const tracee::Process& process, int number, const EventCounter& wanted);
/// With count 0; restore_eventfd follows.
util::UniqueFd create_eventfd(const EventCounter& wanted, int flags);
/// Why it could not.
std::optional<std::string> restore_eventfd(const tracee::Process& process, int number, const EventCounter& wanted);

}  // namespace rollpoint::resources
