#include "tracee/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "util/error.h"

namespace rollpoint::tracee {

Process::Process(pid_t pid, bool launched, Waiter& waiter)
    : pid_(pid), launched_(launched), nested_(tracee::id_inside("/proc/" + std::to_string(pid)) != pid), waiter_(waiter), memory_(pid),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

Tracee* Process::find(pid_t tid) {
  auto it = tracees_.find(tid);
  return it == tracees_.end() ? nullptr : it->second.get();
}

Tracee& Process::at(pid_t tid) {
  if (auto* tracee = find(tid)) return *tracee;
  throw util::CodedError(util::kNoProcess, "There is no thread " + std::to_string(tid) + " in the program.");
}

Tracee& Process::add(pid_t tid) {
  auto& slot = tracees_[tid];
  if (!slot) slot = std::make_unique<Tracee>(tid);
  return *slot;
}

Tracee& Process::injector() {
  auto usable = [](const Tracee& t) { return t.state() == ThreadState::kStopped && !t.in_vfork; };
  if (auto* leader = find(pid_); leader && usable(*leader)) return *leader;
  for (auto& [tid, tracee] : tracees_)
    if (usable(*tracee)) return *tracee;
  throw util::CodedError(util::kNotStopped, "No thread of the program can run a remote system call now.");
}

size_t Process::visible_threads() const {
  size_t count = 0;
  for (auto& [tid, tracee] : tracees_) count += !tracee->parked();
  return count;
}

pid_t Process::id_inside(pid_t tid) const {
  return nested_ ? tracee::id_inside("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(tid)) : tid;
}

std::string Process::executable() const {
  if (!executable_.empty()) return executable_;
  char path[4096];
  ssize_t length = readlink(executable_file().c_str(), path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : std::string();
}

std::string Process::executable_file() const {
  return executable_.empty() ? "/proc/" + std::to_string(pid_) + "/exe" : executable_;
}

std::vector<std::byte> Process::auxv() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/auxv", std::ios::binary);
  std::vector<std::byte> bytes(4096);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

namespace {
std::string read_status(pid_t pid) {
  const util::UniqueFd fd(open(("/proc/" + std::to_string(pid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(8192, '\0');
  const ssize_t length = fd ? read(fd.get(), text.data(), text.size()) : 0;
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return text;
}
std::string field_of(const std::string& text, const char* name) {
  const std::string line = "\n" + std::string(name) + ":\t";
  const auto at = text.find(line);
  if (at == std::string::npos) return {};
  const auto begin = at + line.size();
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

Process::HeldStatus::HeldStatus(const Process& process) : process_(process), outermost_(!process.status_) {
  if (outermost_) process_.status_ = read_status(process.pid_);
}

Process::HeldStatus::~HeldStatus() {
  if (outermost_) process_.status_.reset();
}

namespace {

// Rollpoint takes over descriptors with it; containers forbid it without CAP_SYS_PTRACE.
bool filter_lets_us_work() { return syscall(SYS_pidfd_getfd, -1, 0, 0) < 0 && errno == EBADF; }

}  // namespace

bool Process::has_own_filter() const {
  const auto mode = status_field("Seccomp");
  if (mode.empty() || mode == "0") return false;
  constexpr const char* kFilters = "Seccomp_filters";
  static const std::string ours = field_of(read_status(getpid()), kFilters);
  if (mode != "2" || ours.empty() || ours == "0" || status_field(kFilters) != ours || !filter_lets_us_work()) return true;
  // A filter is never taken away, and children have their parents' (seccomp(2)): a child of ours with as many has the same,
  // and so has anybody where the first process has as many.
  return !launched() && field_of(read_status(1), kFilters) != ours;
}

std::string Process::status_field(const char* name) const {
  return status_ ? field_of(*status_, name) : field_of(read_status(pid_), name);
}

bool Process::may_choose_ids() const {
  constexpr int kSysAdmin = 21, kCheckpointRestore = 40;
  const auto effective = status_field("CapEff");
  const uint64_t bits = effective.empty() ? 0 : std::stoull(effective, nullptr, 16);
  return (bits >> kSysAdmin & 1) || (bits >> kCheckpointRestore & 1);
}

void Process::lose(pid_t tid, int status) {
  if (tid == pid_) waiter_.put_back({tid, status});
  remove(tid);
}

void Process::take_new_body(pid_t pid) {
  tracees_.clear();
  executable_.clear();
  scratch.reset();
  pid_ = pid;
  nested_ = tracee::id_inside("/proc/" + std::to_string(pid)) != pid;
  memory_ = memory::RemoteMemory(pid);
  pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void Process::reset_after_exec(pid_t former_tid) {
  // The thread that called exec takes over the leader's id; all others are gone without a report.
  std::unique_ptr<Tracee> survivor = std::make_unique<Tracee>(pid_);
  if (auto* former = find(former_tid)) {
    survivor->mode = former->mode;
    survivor->range_start = former->range_start;
    survivor->range_end = former->range_end;
  }
  tracees_.clear();
  tracees_[pid_] = std::move(survivor);
  executable_.clear();
  scratch.reset();
  memory_ = memory::RemoteMemory(pid_);
}

}  // namespace rollpoint::tracee
