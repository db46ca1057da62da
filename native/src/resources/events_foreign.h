// Event descriptors that stay as they are: io_uring, userfaultfd, fanotify, perf events, bpf and the like, and contexts
// of Linux AIO, which have no descriptor. Each is told.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"

namespace rollpoint::resources {

/// How far the kernel's side of an io_uring has gone: requests taken, results given.
using RingProgress = std::array<uint32_t, 2>;
using Rings = std::map<int, RingProgress>;  // by `shares_with`

Rings read_foreign(const tracee::Process& process, const DescriptorTable& table, util::Warnings& warnings);
/// Sentences that say why the rings forbid a rollback.
std::vector<std::string> ring_obstacles(const tracee::Process& process, const DescriptorTable& table, const Rings& wanted);
/// Takes out the memory of rings that the snapshot lacks: they would stay alive by it.
void remove_rings(tracee::Process& process, const DescriptorTable& table);

}  // namespace rollpoint::resources
