// memfd_create(2): size, content and seals. What the program has mapped of a large one comes back with its memory.
#pragma once

#include <time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "util/range_set.h"

namespace rollpoint::resources {

struct Memfd {
  int number = 0;  // lowest that is open on it
  std::string name;
  uint64_t size = 0;
  int seals = 0;
  bool kept = false;  // its content; else only size and seals are compared
  timespec modified{}, changed{}, read{};
  bool is_mapped = false;  // shared, by the program
  util::RangeSet mapped;   // of a large one: comes back with memory, and whole chunks in it are not in `chunks`
  /// By offset, each kChunk bytes or up to `size`; what is missing is a hole.
  std::map<uint64_t, std::shared_ptr<const std::vector<std::byte>>> chunks;
};

using Memfds = std::map<ino_t, Memfd>;

/// Whether all that it contains comes back from here, mapped or not.
bool holds_all(const Memfds& memfds, ino_t inode);

bool is_memfd(const Descriptor& descriptor);
Memfds read_memfds(const tracee::Process& process, const DescriptorTable& table, const Memfds* before, util::Warnings& warnings);
/// What a rollback to `wanted` would not bring back. Changes nothing.
util::Warnings foresee_memfds(const tracee::Process& process, const Memfds& wanted);
/// What could not be put back.
util::Warnings restore_memfds(const tracee::Process& process, const Memfds& wanted);
std::vector<std::string> compare_memfds(const tracee::Process& process, const Memfds& wanted);

}  // namespace rollpoint::resources
