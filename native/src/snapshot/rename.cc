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
  }
}

}  // namespace

void rename_thread(EngineState& state, pid_t from, pid_t to) {
  if (from == to) return;
  // The kernel may have given out an id anew that a thread of a snapshot once had: that one is gone, and no id of a
  // live task is negative.
  if (state.referenced(to)) rename_everywhere(state, to, -to);
  rename_everywhere(state, from, to);
}

}  // namespace rollpoint::snapshot
