// Signal-driven I/O: who is told of an open file description, by which signal (F_SETOWN_EX, F_SETSIG), and whether (O_ASYNC).
// What happens at the descriptor is the business of its kind.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct DescriptorOwner {
  int type = 0;  // F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP
  pid_t id = 0;  // as we call it; 0: nobody
  int signal = 0;  // 0: SIGIO, without data
  bool told = false;  // O_ASYNC
  bool operator==(const DescriptorOwner&) const = default;
};

/// By `shares_with`; only those that differ from what a new one has.
using DescriptorOwners = std::map<int, DescriptorOwner>;

DescriptorOwners read_owners(const tracee::Process& process, const DescriptorTable& table);
/// With all descriptors in place, and leases: taking one makes the process the owner.
util::Warnings restore_owners(tracee::Process& process, const DescriptorTable& table, const DescriptorOwners& wanted);
std::vector<std::string> compare_owners(const tracee::Process& process, const DescriptorTable& table, const DescriptorOwners& wanted);

/// While this lives nobody is told of what happens at a descriptor.
class Unheard {
 public:
  Unheard(const tracee::Process& process, int number);
  Unheard(Unheard&&) = default;
  ~Unheard();

 private:
  util::UniqueFd fd_;
  int type_ = 0;
  pid_t id_ = 0;
};

}  // namespace rollpoint::resources
