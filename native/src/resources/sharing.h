// Which numbers of a descriptor table stand for one open file description. Knows nothing of what they are open on.
#pragma once

#include <map>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::resources {

/// For each of `numbers`, which are open: the lowest of them with the same open file description. O(n log n) calls.
std::map<int, int> find_sharing(const tracee::Process& process, std::vector<int> numbers);

}  // namespace rollpoint::resources
