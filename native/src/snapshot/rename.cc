#include "snapshot/rename.h"

namespace rollpoint::snapshot {

namespace {

void rename_everywhere(EngineState& state, pid_t from, pid_t to) {
  for (auto& [id, snapshot] : state.snapshots) {
    if (auto node = snapshot->threads.extract(from)) {
      node.key() = to;
      snapshot->threads.insert(std::move(node));
    }
    if (snapshot->tid == from) snapshot->tid = to;
    resources::rename_thread(snapshot->state, from, to);
    // Those of inside stay, where a pid namespace lets them be chosen.
    if (!state.process.nested())
      for (auto& [number, timer] : snapshot->state.timers.posix)
        if (timer.thread == from) timer.thread = to;
  }
}

}  // namespace

pid_t rename_thread(EngineState& state, pid_t from, pid_t to) {
  if (from == to) return to;
  pid_t moved = to;
  if (state.referenced(from) && state.referenced(to)) {
    // No id of a live task is negative.
    for (moved = -1; state.referenced(moved);) --moved;
    rename_everywhere(state, to, moved);
  }
  rename_everywhere(state, from, to);
  return moved;
}

}  // namespace rollpoint::snapshot
