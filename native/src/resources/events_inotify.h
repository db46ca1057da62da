// inotify(7): watches under their numbers. Events that wait to be read cannot be looked at without taking them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"

namespace rollpoint::resources {

struct InotifyWatch {
  dev_t device = 0;
  ino_t inode = 0;
  uint32_t mask = 0;
  std::string path;  // one of the names of what it watches; empty where none was found
};

struct Inotify {
  std::map<int, InotifyWatch> watches;  // by watch descriptor
  int unread = 0;                       // bytes of events
};

using Inotifies = std::map<int, Inotify>;  // by `shares_with`

Inotifies read_inotifies(const tracee::Process& process, const DescriptorTable& table, const Inotifies* before, util::Warnings& warnings);
util::UniqueFd create_inotify(int flags);
/// After files have come back. What could not be put back.
util::Warnings restore_inotifies(const tracee::Process& process, const Inotifies& wanted);
/// After files have been read: takes out what that has told to who watches for files being read. Where events waited
/// before, or nobody watches for that, it does nothing.
void take_own_events(const tracee::Process& process, const Inotifies& before);
std::vector<std::string> compare_inotifies(const tracee::Process& process, const Inotifies& wanted);

}  // namespace rollpoint::resources
