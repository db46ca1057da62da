// Which sockets are open in processes outside the tree as well. Knows only numbers.
#pragma once

#include <set>

#include "resources/stream_ends.h"

namespace rollpoint::resources {

/// Those of `inodes`, as far as we may look into other processes.
std::set<ino_t> held_outside(Holders holders, const std::set<ino_t>& inodes);

}  // namespace rollpoint::resources
