// Moves the contents of many pages out of the debuggee and back into it: through the window where its own thread can copy
// them, from outside where not. Knows what a page holds, not why it is moved.
#pragma once

#include <functional>
#include <span>

#include "resources/signal_actions.h"
#include "snapshot/engine_state.h"
#include "util/function_ref.h"

namespace rollpoint::snapshot {

/// Whether a thread of the debuggee may copy: a page that refuses raises a signal, and one that is ignored would lose its
/// action by that (kernel/signal.c, force_sig_info_to_task).
bool may_copy_itself(const resources::SignalActions& actions);

using UsePage = util::FunctionRef<void(uint64_t page, const std::byte* content)>;

/// Calls `use` for each page that could be read, in ascending order. `pages` ascend and lie in `maps`. `itself`: a thread of
/// the debuggee may copy, and the window is writable. Returns how many could not be read.
size_t read_pages(EngineState& state, std::span<const uint64_t> pages, const std::vector<memory::Vma>& maps, bool itself, UsePage use);

/// Pages that the debuggee has written itself; those that must be written from outside go to `rest`. `pages` ascend.
void write_pages(EngineState& state, const memory::PageTable& table, std::span<const uint64_t> pages, const std::vector<memory::Vma>& maps, std::vector<uint64_t>& rest);

}  // namespace rollpoint::snapshot
