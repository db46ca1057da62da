#include "snapshot/engine.h"

#include <algorithm>
#include <utility>

#include "snapshot/capture.h"
#include "snapshot/difference.h"
#include "snapshot/engine_state.h"
#include "snapshot/layout.h"
#include "snapshot/peek.h"
#include "snapshot/rename.h"
#include "snapshot/rebuild.h"
#include "snapshot/rollback.h"
#include "snapshot/rollback_error.h"
#include "tracee/remote_syscalls.h"

namespace rollpoint::snapshot {

namespace {
constexpr size_t kReservePages = 4096;  // 16 MiB: a capture of 1 % of 1 GiB fits without a page fault
constexpr size_t kReserveNodes = 8192;

std::vector<memory::Vma> only_shared(std::vector<memory::Vma> maps) {
  std::erase_if(maps, [](auto& vma) { return !vma.is_shared_anonymous(); });
  return maps;
}
}  // namespace

Engine::Engine(tracee::Process& process, TrackerKind tracker, Hooks hooks, bool followed)
    : state_(std::make_unique<EngineState>(process, tracker, std::move(hooks))) {
  state_->followed = followed;
}

Engine::~Engine() = default;

CaptureResult Engine::capture(const CaptureOptions& options) {
  const auto status = state_->process.hold_status();
  tracee::RemoteSyscalls::set_filters_aside(state_->process);
  if (auto why = why_unreadable(state_->process); !why.empty()) throw util::CodedError(util::kUnsupported, why);
  if (state_->broken) throw util::CodedError(util::kUnsupported, "A rollback has failed half-way, and the program is in no state worth a snapshot. Restore one first.");
  return snapshot::capture(*state_, options);
}

RollbackResult Engine::rollback(SnapshotId id, const resources::Place& place, bool feasible) {
  settle(*state_);
  if (!state_->new_body) return snapshot::rollback(*state_, id, place, feasible);
  // All that is there is compared with the snapshot; from then on, what is written counts again.
  auto result = snapshot::rollback(*state_, id, place, feasible);
  state_->new_body = false;
  state_->make_tracker();
  state_->tracker->arm(tracked_maps(state_->process));
  return result;
}

std::optional<SnapshotId> Engine::stands_on() const { return state_->moved ? std::nullopt : state_->current; }

void Engine::require_feasible(SnapshotId id) { check_feasible(*state_, state_->at(id)); }

std::vector<Warning> Engine::foresee(SnapshotId id) {
  settle(*state_);
  return snapshot::foresee(*state_, state_->at(id));
}

const resources::ProcessState& Engine::state_of(SnapshotId id) { return state_->at(id).state; }

void Engine::take_new_body(pid_t former) {
  state_->finish_arming();
  state_->await_attributes();
  state_->new_body = state_->any_thread_id = true;
  state_->moved = true;
  state_->carried.clear();
  state_->pagemap = std::make_unique<memory::Pagemap>(state_->process.pid());
  state_->background_pagemap = std::make_unique<memory::Pagemap>(state_->process.pid());
  state_->tracker = make_compare_tracker();
  rename_thread(*state_, former, state_->process.pid());
}

RebuildResult Engine::rebuild() {
  if (state_->snapshots.empty()) throw RollbackError("there is no snapshot", false);
  state_->finish_arming();
  state_->await_attributes();
  const SnapshotId id = state_->current.value_or(state_->snapshots.rbegin()->first);
  return {id, snapshot::rebuild(*state_, id)};
}

void Engine::note_renamed(pid_t from, pid_t to) { rename_thread(*state_, from, to); }

const Snapshot& Engine::look_at(SnapshotId id) {
  settle(*state_);
  return state_->at(id);
}

size_t Engine::peek_memory(SnapshotId id, uint64_t address, std::byte* out, size_t size) {
  return PageReader(*state_, look_at(id)).read(address, out, size);
}

Differences Engine::compare(SnapshotId from, SnapshotId to) {
  settle(*state_);
  return find_differences(*state_, state_->at(from), state_->at(to));
}

void Engine::remove(SnapshotId id) {
  settle(*state_);
  state_->await_attributes();
  const auto parent = state_->at(id).parent;
  for (auto& [other, snapshot] : state_->snapshots)
    if (snapshot->parent == id) snapshot->parent = parent;
  if (state_->current == id) {
    // It does not stand on the parent for that.
    state_->current = parent;
    note_resume();
  }
  state_->snapshots.erase(id);
  std::vector<pid_t> unwanted;
  for (auto& [tid, tracee] : state_->process.tracees())
    if (tracee->parked() && !state_->referenced(tid)) unwanted.push_back(tid);
  for (pid_t tid : unwanted) end_thread(state_->process, state_->process.at(tid));
  if (state_->snapshots.empty()) state_->forget_base(true);
}

std::vector<Difference> Engine::verify(SnapshotId id) {
  settle(*state_);
  state_->await_attributes();
  return snapshot::verify(*state_, state_->at(id));
}

Stats Engine::stats() const {
  state_->finish_arming();
  return {.snapshots = state_->snapshots.size(), .pages = state_->store.pages(), .bytes = state_->store.bytes() + (state_->followed ? state_->hooks.files->bytes() : 0), .twin_bytes = state_->pages_only_in_twin() * memory::kPageSize, .settle_micros = state_->settle_micros};
}

void Engine::note_kin() { state_->has_kin = true; }

void Engine::note_resume() {
  settle(*state_);
  state_->await_short_attributes();
  if (!state_->moved) state_->hooks.files->note_resume();
  state_->moved = true;
}

void Engine::note_write() { note_resume(); }

void Engine::take_focus() {
  if (state_->followed || std::exchange(state_->in_focus, true) || !has_snapshots()) return;
  state_->call_sites.refresh(state_->process, memory::read_maps(state_->process.pid()));
}

void Engine::prepare() {
  settle(*state_);
  state_->count_overwritten();
  if (!state_->followed) return;
  state_->store.reserve(kReservePages);
  state_->pool.reserve(kReserveNodes);
  state_->chunk_buffer(0);
  state_->chunk_buffer(1);
  state_->call_sites.prepare(state_->process);
  if (!state_->twin && !state_->window_memory.local) state_->window_memory = tracee::WindowMemory::make();
}

std::vector<uint64_t> Engine::exit_sites(bool of_program) {
  if (!has_snapshots()) return {};
  // Also where snapshots have a single thread: its end need not be that of the program.
  auto sites = state_->call_sites.of_threads();
  if (!of_program) return sites;
  const auto ends = state_->call_sites.of_program();
  if (ends.empty() && !std::exchange(state_->told_no_exit_site, true))
    state_->hooks.log("No place was found where this program ends by itself (exit_group): it will not be stopped before its end.");
  sites.insert(sites.end(), ends.begin(), ends.end());
  return sites;
}

std::vector<memory::Vma> Engine::shared_memory(SnapshotId id) const { return only_shared(state_->at(id).maps); }

std::vector<memory::Vma> Engine::shared_memory() const { return only_shared(memory::read_maps(state_->process.pid())); }

std::vector<uint64_t> Engine::end_sites() {
  if (!has_snapshots()) state_->call_sites.refresh(state_->process, memory::read_maps(state_->process.pid()));
  return state_->call_sites.of_program();
}

std::vector<uint64_t> Engine::file_sites() const {
  return rewinds_files() ? state_->call_sites.of_files() : std::vector<uint64_t>{};
}

RelaySites Engine::relay_sites() const {
  return rewinds_files() ? state_->call_sites.relays_to_files() : RelaySites{};
}

bool Engine::rewinds_files() const {
  return std::any_of(state_->snapshots.begin(), state_->snapshots.end(), [](auto& entry) { return entry.second->state.files.rewind; });
}

const std::shared_ptr<resources::FileJournal>& Engine::files() const { return state_->hooks.files; }

bool Engine::has_snapshots() const { return !state_->snapshots.empty(); }

bool Engine::park_at_exit(tracee::Tracee& tracee) {
  // Looking after one that has a filter may kill it.
  if (state_->process.has_own_filter()) return false;
  // The last one must go: with it the process ends.
  return state_->process.visible_threads() > 1 && state_->referenced(tracee.tid()) && park_exiting_thread(state_->process, tracee);
}

std::vector<SnapshotId> Engine::abandon() {
  state_->finish_arming();
  state_->await_attributes();
  std::vector<SnapshotId> ids;
  for (auto& [id, snapshot] : state_->snapshots) ids.push_back(id);
  state_->snapshots.clear();
  state_->call_sites.clear();
  state_->told_no_exit_site = state_->told_no_file_site = false;
  state_->forget_base(false);
  return ids;
}

void Engine::withdraw() {
  state_->finish_arming();
  state_->await_attributes();
  std::vector<pid_t> parked;
  for (auto& [tid, tracee] : state_->process.tracees())
    if (tracee->parked()) parked.push_back(tid);
  for (pid_t tid : parked) end_thread(state_->process, state_->process.at(tid));
  state_->snapshots.clear();
  state_->forget_base(true);
  tracee::RemoteSyscalls::remove_scratch(state_->process);
}

}  // namespace rollpoint::snapshot
