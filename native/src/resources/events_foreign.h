// Event descriptors that stay as they are: io_uring, userfaultfd, fanotify, perf events, bpf and the like, and contexts
// of Linux AIO, which have no descriptor. Each is told.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "memory/maps.h"
#include "resources/descriptors.h"
#include "util/range_set.h"

namespace rollpoint::resources {

/// How far the kernel's side of an io_uring has gone: requests taken, results given.
using RingProgress = std::array<uint32_t, 2>;
using Rings = std::map<int, RingProgress>;  // by `shares_with`

Rings read_foreign(const tracee::Process& process, const DescriptorTable& table, util::Warnings& warnings);
/// Contexts of Linux AIO, by the address of their ring.
using AioContexts = std::set<uint64_t>;
AioContexts read_aio(const tracee::Process& process, util::Warnings& warnings);
/// Sentences that say why the rings forbid a rollback.
std::vector<std::string> ring_obstacles(const tracee::Process& process, const DescriptorTable& table, const Rings& wanted);
/// Ends what the snapshot lacks: contexts of AIO, and rings, which their mapping keeps alive. What could not be put back.
util::Warnings restore_foreign(tracee::Process& process, const DescriptorTable& table, const AioContexts& wanted);

/// Gives the program's own userfaultfds what they would be asked for: `ranges` of `maps` have no pages now and are about to
/// be written, which would wait for the program, stopped as it is.
void provide_pages(const tracee::Process& process, const DescriptorTable& table, const std::vector<memory::Vma>& maps, const util::RangeSet& ranges);

}  // namespace rollpoint::resources
