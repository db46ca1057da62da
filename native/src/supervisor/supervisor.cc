#include "supervisor/supervisor.h"

#include <signal.h>

#include <chrono>
#include <fstream>

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
  while (run_queued()) {
    auto status = waiter_.wait();
    if (!status || !control_) continue;
    try {
      family_->handle(status->tid, status->status);
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
                           tree_->abandon();
                           if (auto ids = engine_->abandon(); !ids.empty())
                             emit({pid, SnapshotsLost{std::move(ids), "The program replaced itself by another one (exec); the snapshots before that are gone."}});
                         },
                     .park_at_exit = [this](tracee::Tracee& tracee) { return engine_->park_at_exit(tracee); },
                     .before_file_call = [this](tracee::Tracee& tracee) { engine_->files()->note(resources::read_file_call(*process_, tracee, tracee.registers().rax)); },
                     .hold_at_exit = [this] { return hold_at_exit_ && engine_->has_snapshots(); },
                     .log = [this, pid](std::string line) { emit({pid, LogLine{std::move(line)}}); }});
  family_->follow(*control_);
}

void Supervisor::end_of(const End& end) {
  if (!ending_ && end.killed && end.code == SIGKILL && engine_->stats().snapshots > 0) {
    to_revive_ = end;
    return;
  }
  tell_end(end, "The program has ended; its snapshots went with it.");
}

void Supervisor::tell_end(const End& end, std::string what_of_snapshots) {
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
    auto result = tree_->rebuild();
    const pid_t tid = result.rollback.tid;
    emit({first_pid_, Revived{process_->pid(), std::move(result)}});
    control_->begin_anew(tid);
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
  if (control_->running()) {
    control_->interrupt();
    while (control_->running()) {
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
  const pid_t pid = process().pid();
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
    const std::string base = "/proc/" + std::to_string(process_->pid()) + "/task/" + std::to_string(tid);
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
  auto sites = engine_->exit_sites(hold_at_exit_);
  const auto file_sites = engine_->file_sites();
  sites.insert(sites.end(), file_sites.begin(), file_sites.end());
  // Whoever else runs in this memory would end at one.
  if (family_->shares_memory()) sites.clear();
  control_->breakpoints().set_hidden(std::move(sites));
  family_->watch_calls(engine_->rewinds_files() ? Family::AtCall([this](tracee::Process& process, tracee::Tracee& tracee) {
    const uint64_t number = tracee.registers().orig_rax;
    if (resources::is_file_call(number)) engine_->files()->note(resources::read_file_call(process, tracee, number));
  }) : Family::AtCall());
  tree_->note_resume();
  control_->resume(actions);
}

void Supervisor::interrupt() {
  process();
  control_->interrupt();
  if (control_->ended()) finish();
}

tracee::Process& Supervisor::process() {
  if (!process_) throw CodedError(util::kNoProcess, "No program is being debugged.");
  return *process_;
}

tracee::Process& Supervisor::stopped_process() {
  auto& result = process();
  if (control_->running()) throw CodedError(util::kNotStopped, "The program is running; stop it first.");
  return result;
}

tracee::Tracee& Supervisor::stopped_thread(pid_t tid) {
  auto& tracee = stopped_process().at(tid);
  if (!tracee.stopped()) throw CodedError(util::kNotStopped, "Thread " + std::to_string(tid) + " cannot be stopped: it waits for a child process (vfork).");
  return tracee;
}

Breakpoints& Supervisor::breakpoints() {
  process();
  return control_->breakpoints();
}

Tree& Supervisor::snapshots() {
  stopped_process();
  return *tree_;
}

snapshot::Engine& Supervisor::engine() {
  stopped_process();
  return *engine_;
}

void Supervisor::note_write() {
  stopped_process();
  engine_->note_write();
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
    if (tree_) tree_->prepare();
  });
}

snapshot::RollbackResult Supervisor::rollback(snapshot::SnapshotId id) {
  stopped_process();
  await_vforks();
  auto result = snapshots().rollback(id);
  control_->forget_pending(result.tid);
  return result;
}

}  // namespace rollpoint::supervisor
