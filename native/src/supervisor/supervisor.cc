#include "supervisor/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "supervisor/orphans.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using util::CodedError;

namespace {

// libuv's SIGCHLD handler would run, and wake its loop, at every ptrace stop. Only the flag is changed.
void spare_libuv_the_stops() {
  struct sigaction action {};
  if (sigaction(SIGCHLD, nullptr, &action) < 0 || action.sa_handler == SIG_DFL || (action.sa_flags & SA_NOCLDSTOP)) return;
  action.sa_flags |= SA_NOCLDSTOP;
  sigaction(SIGCHLD, &action, nullptr);
}

}  // namespace

Supervisor::Supervisor(snapshot::TrackerKind tracker, bool keep_children, std::function<void(Event)> sink)
    : tracker_(tracker), keep_children_(keep_children), sink_(std::move(sink)), thread_([this] { run(); }) {}

Supervisor::~Supervisor() {
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  waiter_.wake();
  thread_.join();
}

void Supervisor::post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  waiter_.wake();
}

std::optional<size_t> Supervisor::read_at_rest(uint64_t address, void* buffer, size_t size) {
  std::unique_lock rest(at_work_, std::try_to_lock);
  if (!rest) return std::nullopt;
  {
    std::lock_guard lock(mutex_);
    if (!queue_.empty() || quit_) return std::nullopt;  // what was asked for before comes before
  }
  if (!process_ || !control_ || control_->ended() || control().running()) return std::nullopt;
  return process().memory().read(address, buffer, size);
}

// False when the thread is to end.
bool Supervisor::run_queued() {
  for (;;) {
    std::function<void()> work;
    {
      std::lock_guard lock(mutex_);
      if (queue_.empty()) return !quit_;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

void Supervisor::run() {
  waiter_.bind();
  std::unique_lock at_work(at_work_);
  while (run_queued()) {
    waiter_.wake_at(family_ ? family_->next_wait_to_end() : std::nullopt);
    at_work.unlock();
    auto status = waiter_.wait();
    at_work.lock();
    if (!control_) continue;
    try {
      if (status) family_->handle(status->tid, status->status);
      else family_->end_waits();
    } catch (const std::exception& error) {
      emit({process_ ? process_->pid() : 0, LogLine{std::string("While handling a stop: ") + error.what()}});
    }
    if (control_ && control_->ended()) finish();
  }
  try {
    if (process_ && process_->launched()) kill();
    else if (process_) detach();
  } catch (const std::exception&) {
    // The thread ends here; PTRACE_O_EXITKILL takes care of what is left.
  }
  waiter_.reap_the_killed();
  bury_orphans();
}

void Supervisor::adopt(std::unique_ptr<tracee::Process> process) {
  process_ = std::move(process);
  const pid_t pid = first_pid_ = process_->pid();
  family_ = std::make_unique<Family>(*process_, keep_children_);
  engine_ = std::make_unique<snapshot::Engine>(
      *process_, tracker_,
      snapshot::Engine::Hooks{.task_born = [this](pid_t tid) { family_->ignore_task(tid); },
                              .log = [this, pid](std::string line) { emit({pid, LogLine{std::move(line)}}); },
                              .lost = [this, pid](std::vector<snapshot::SnapshotId> ids, std::string why) { emit({pid, SnapshotsLost{std::move(ids), std::move(why)}}); },
                              .files = std::make_shared<resources::FileJournal>()});
  tree_ = std::make_unique<Tree>(*family_, *engine_, tracker_, [this, pid](std::string line) { emit({pid, LogLine{std::move(line)}}); });
  control_ = std::make_unique<RunControl>(
      *process_, *family_, RunControl::Callbacks{
                     .stopped = [this, pid](const Stop& stop) { emit({pid, stop}); },
                     .ended = [this](const End& end) { end_of(end); },
                     .exec_done =
                         [this, pid] {
                           family_->root_execed();
                           tree_->abandon();
                           if (auto ids = engine_->abandon(); !ids.empty())
                             emit({pid, SnapshotsLost{std::move(ids), "The program replaced itself by another one (exec); the snapshots before that are gone."}});
                         },
                     .park_at_exit = [this](tracee::Tracee& tracee) { return engine_->park_at_exit(tracee); },
                     .before_file_call = [this](tracee::Tracee& tracee, const resources::CallArguments& arguments) { engine_->files()->note(resources::read_file_call(*process_, tracee, arguments)); },
                     .hold_at_exit = [this] { return hold_at_exit_ && engine_->has_snapshots(); },
                     .waits_at_end = [this] { return family_->root_waits(); },
                     .end_sites = [this] { return end_sites(); },
                     .watches_calls = [] { return false; },
                     .at_call = {},
                     .goes_on_elsewhere = [] { return false; },
                     .log = [this, pid](std::string line) { emit({pid, LogLine{std::move(line)}}); }});
  family_->link({.root_control = control_.get(),
                 .callbacks = [this, pid](Relative& relative) { return callbacks_for(relative, pid); },
                 .focus_changed = [this, pid](const FocusChange& change) { emit({pid, change}); }});
  family_->follow_children(follow_children_);
}

RunControl::Callbacks Supervisor::callbacks_for(Relative& relative, pid_t pid) {
  return {.stopped = [this, pid](const Stop& stop) { emit({pid, stop}); },
          .ended = {},
          .exec_done = {},
          .park_at_exit = [&relative](tracee::Tracee& tracee) { return relative.engine && relative.engine->park_at_exit(tracee); },
          .before_file_call = {},
          .hold_at_exit = [this, &relative] { return hold_at_exit_ && relative.engine && relative.engine->has_snapshots(); },
          .waits_at_end = [] { return false; },
          .end_sites = [] { return std::vector<uint64_t>{}; },
          .watches_calls = {},
          .at_call = {},
          .goes_on_elsewhere = {},
          .log = [this, pid](std::string line) { emit({pid, LogLine{std::move(line)}}); }};
}

void Supervisor::end_of(const End& end) {
  if (!ending_ && end.killed && end.code == SIGKILL && engine_->stats().snapshots > 0) {
    to_revive_ = end;
    return;
  }
  tell_end(end, "The program has ended; its snapshots went with it.");
}

void Supervisor::tell_end(const End& end, std::string what_of_snapshots) {
  if (!ending_) family_->tell_who_runs_on();
  if (auto ids = engine_->abandon(); !ids.empty()) emit({first_pid_, SnapshotsLost{std::move(ids), std::move(what_of_snapshots)}});
  emit({first_pid_, end});
}

// The debuggee has ended: by itself, or to come back in another process.
void Supervisor::finish() {
  if (!to_revive_ || !revive()) release();
}

bool Supervisor::revive() {
  const End end = *std::exchange(to_revive_, std::nullopt);
  try {
    family_->begin_rollback();
    auto result = tree_->rebuild();
    const Stop stop{.reason = StopReason::kRevived, .tid = result.rollback.tid, .executable = {}};
    const auto focus = tree_->focus_of(result.id);
    emit({first_pid_, Revived{process_->pid(), std::move(result)}});
    control_->stand_again();
    family_->end_rollback(focus, stop.tid);
    if (control_->was_running()) emit({first_pid_, stop});
    else control().owe(stop);
    return true;
  } catch (const std::exception& error) {
    tell_end(end, std::string("The program was killed, and no snapshot could be restored into a new process: ") + error.what() + ". The snapshots went with it.");
    return false;
  }
}

// What the debuggee leaves behind lives on, as it would without us.
void Supervisor::release() {
  family_->release_all();
  tree_.reset();
  to_revive_.reset();
  ending_ = false;
  control_.reset();
  engine_.reset();
  family_.reset();
  process_.reset();
}

pid_t Supervisor::start(const LaunchRequest& request) {
  if (process_) throw CodedError(util::kNotStopped, "A program is being debugged already.");
  // A child that is let run is nobody's here: init's, as without a debugger.
  if (keep_children_) adopt_orphans();
  adopt(launch(request, waiter_));
  spare_libuv_the_stops();
  prepare_later();
  return process_->pid();
}

pid_t Supervisor::attach(pid_t pid) {
  if (process_) throw CodedError(util::kNotStopped, "A program is being debugged already.");
  adopt(supervisor::attach(pid, waiter_));
  family_->adopt_living();
  spare_libuv_the_stops();
  prepare_later();
  return pid;
}

void Supervisor::detach() {
  process();
  ending_ = true;
  if (control().running()) {
    control().interrupt();
    while (control().running()) {
      if (auto status = waiter_.wait()) family_->handle(status->tid, status->status);
    }
    if (control_->ended()) {
      release();
      return;
    }
  }
  engine_->withdraw();
  control_->detach();
  release();
}

void Supervisor::kill() {
  process();
  const pid_t pid = process_->pid();
  ending_ = true;
  ::kill(pid, SIGKILL);
  while (control_ && !control_->ended()) {
    auto status = waiter_.wait();
    if (status) family_->handle(status->tid, status->status);
  }
  family_->kill_all();
  release();
}

std::vector<ThreadInfo> Supervisor::threads() {
  std::vector<ThreadInfo> result;
  for (auto& [tid, tracee] : process().tracees()) {
    if (tracee->parked()) continue;
    const std::string base = "/proc/" + std::to_string(process().pid()) + "/task/" + std::to_string(tid);
    ThreadInfo info{tid, {}, 0};
    std::getline(std::ifstream(base + "/comm"), info.name);
    std::string stat;
    std::getline(std::ifstream(base + "/stat"), stat);
    // Field 39, processor; the name in field 2 may hold blanks (proc(5)).
    if (auto end = stat.rfind(')'); end != std::string::npos) {
      size_t position = end + 1;
      for (int field = 2; field < 38 && position != std::string::npos; ++field) position = stat.find(' ', position + 1);
      if (position != std::string::npos) info.core = atoi(stat.c_str() + position);
    }
    result.push_back(std::move(info));
  }
  return result;
}

void Supervisor::resume(const std::vector<ResumeAction>& actions) {
  stopped_process();
  if (std::any_of(actions.begin(), actions.end(), [](auto& action) { return action.tid == -1; })) family_->take_new_focus();
  const auto file_sites = engine_->file_sites();
  auto relays = engine_->relay_sites();
  auto sites = engine_->exit_sites(hold_at_exit_);
  sites.insert(sites.end(), file_sites.begin(), file_sites.end());
  for (auto& [address, site] : relays) sites.push_back(address);
  if (family_->focus()) {
    const auto ends = end_sites();
    sites.insert(sites.end(), ends.begin(), ends.end());
  }
  // Whoever else runs in this memory would end at one.
  if (family_->shares_memory(*process_)) sites.clear();
  control_->breakpoints().set_hidden(std::move(sites));
  control_->set_relays(std::move(relays));
  for (auto& [pid, relative] : family_->relatives()) {
    if (!relative->control) continue;
    const bool may_stand = relative->engine && !family_->shares_memory(relative->process());
    relative->control->breakpoints().set_hidden(may_stand ? relative->engine->exit_sites(hold_at_exit_) : std::vector<uint64_t>{});
  }
  family_->watch_calls(engine_->rewinds_files() ? Family::AtCall([this](tracee::Process& process, tracee::Tracee& tracee, uint64_t number) {
    auto arguments = resources::arguments_at_instruction(tracee);
    arguments.number = number;  // in %rax is the kernel's answer by then
    if (resources::is_file_call(number)) engine_->files()->note(resources::read_file_call(process, tracee, arguments));
  }) : Family::AtCall());
  tree_->note_resume();
  control().resume(actions);
}

std::vector<uint64_t> Supervisor::end_sites() {
  if (family_->shares_memory(*process_)) return {};
  return engine_->end_sites();
}

void Supervisor::follow_children(bool on) {
  follow_children_ = on;
  if (family_) family_->follow_children(on);
}

void Supervisor::follow(pid_t pid) {
  stopped_process();
  std::shared_ptr<Relative> relative;
  if (pid != process_->pid()) {
    auto it = family_->relatives().find(pid);
    if (it == family_->relatives().end()) throw CodedError(util::kNoProcess, "Process " + std::to_string(pid) + " is not one that the program has started and that Rollpoint holds.");
    relative = it->second;
    if (!family_->can_be_in_focus(*relative)) throw CodedError(util::kUnsupported, "Process " + std::to_string(pid) + " runs in its parent's memory: the debugger cannot go there.");
  }
  family_->focus_on(relative, "The debugger is with process " + std::to_string(pid) + ".");
}

void Supervisor::interrupt() {
  process();
  control().interrupt();
  if (control_->ended()) finish();
}

tracee::Process& Supervisor::process() {
  if (!process_) throw CodedError(util::kNoProcess, "No program is being debugged.");
  return family_->process_in_focus();
}

tracee::Process& Supervisor::stopped_process() {
  auto& result = process();
  if (control().running()) throw CodedError(util::kNotStopped, "The program is running; stop it first.");
  return result;
}

tracee::Tracee& Supervisor::stopped_thread(pid_t tid) {
  auto& tracee = stopped_process().at(tid);
  if (!tracee.stopped()) throw CodedError(util::kNotStopped, "Thread " + std::to_string(tid) + " cannot be stopped: it waits for a child process (vfork).");
  return tracee;
}

Breakpoints& Supervisor::breakpoints() {
  process();
  return control().breakpoints();
}

Tree& Supervisor::snapshots() {
  stopped_process();
  return *tree_;
}

std::pair<snapshot::Engine*, snapshot::SnapshotId> Supervisor::shown_at(snapshot::SnapshotId id) {
  stopped_process();
  return tree_->shown_at(id);
}

void Supervisor::note_write() {
  stopped_process();
  engine_->note_write();
  if (auto& focus = family_->focus(); focus && focus->engine) focus->engine->note_write();
}

// A child that has borrowed memory runs on while all others stand; mostly it has its own after a moment.
void Supervisor::await_vforks() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  auto lent = [this] {
    for (auto& [tid, tracee] : process_->tracees())
      if (tracee->in_vfork || !tracee->stopped()) return true;
    return family_->lends_memory();
  };
  while (control_ && !control_->ended() && lent() && std::chrono::steady_clock::now() < end) {
    if (auto status = waiter_.poll()) family_->handle(status->tid, status->status);
    else std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  if (control_->ended()) finish();
}

snapshot::CaptureResult Supervisor::capture(const snapshot::CaptureOptions& options) {
  stopped_process();
  await_vforks();
  auto result = snapshots().capture(options);
  prepare_later();
  return result;
}

// Not in the pause: whatever waits in the queue goes first.
void Supervisor::prepare_later() {
  post([this] {
    try {
      if (tree_) tree_->prepare();
    } catch (const std::exception& error) {
      emit({first_pid_, LogLine{std::string("While preparing for the next snapshot: ") + error.what()}});
    }
  });
}

snapshot::RollbackResult Supervisor::rollback(snapshot::SnapshotId id) {
  stopped_process();
  await_vforks();
  const auto focus = family_->focus();
  family_->begin_rollback();
  try {
    auto result = snapshots().rollback(id);
    family_->end_rollback(tree_->focus_of(id), result.tid);
    return result;
  } catch (...) {
    family_->end_rollback(focus, 0);
    throw;
  }
}

}  // namespace rollpoint::supervisor
