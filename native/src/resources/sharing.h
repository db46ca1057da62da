// Which numbers of a descriptor table stand for one open file description. Knows nothing of what they are open on.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::resources {

/// For each of `numbers`, which are open: the lowest of them with the same open file description. O(n log n) calls.
std::map<int, int> find_sharing(const tracee::Process& process, std::vector<int> numbers);

/// Of 0 to `count` - 1 those that are equal, ascending. `compare` answers as kcmp(2): 0 equal, 1 less, 2 greater, and anything else
/// where it does not know: that one is by itself. O(n log n) questions; they need not fit together, as where a process goes meanwhile.
std::vector<std::vector<size_t>> group_equal(size_t count, const std::function<long(size_t, size_t)>& compare);

}  // namespace rollpoint::resources
