// Child processes that were there before us, and those that are left alone.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "supervisor/family.h"
#include "supervisor/launch.h"
#include "supervisor/process_stat.h"
#include "supervisor/stop_facts.h"
#include "util/error.h"

namespace rollpoint::supervisor {

using tracee::Process;

namespace {

// Of its file: a program that can trace has the name of the call among those that it links to.
bool names_ptrace(const std::string& executable) {
  constexpr size_t kMost = 32 << 20, kPart = 1 << 20;
  constexpr std::string_view kName("\0ptrace\0", 8);
  std::ifstream file(executable, std::ios::binary);
  std::string part;
  for (size_t total = 0; file && total < kMost; total += kPart) {
    const size_t kept = std::min(part.size(), kName.size() - 1);
    part.erase(0, part.size() - kept);  // the name may lie across two parts
    part.resize(kept + kPart);
    file.read(part.data() + kept, kPart);
    part.resize(kept + static_cast<size_t>(file.gcount()));
    if (part.find(kName) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

bool Family::traces_itself(const Process& process) {
  const auto [it, is_new] = tracers_.try_emplace(process.executable(), false);
  if (is_new) it->second = names_ptrace(process.executable_file());
  return it->second;
}

void Family::adopt_living() {
  if (!keep_) return;
  halted_ = true;
  // One that is not stopped yet may have children meanwhile: until a pass finds none.
  std::set<pid_t> tried;
  for (bool found = true; found;) {
    found = false;
    std::vector<Process*> parents{&root_};
    for (auto& [pid, relative] : relatives_) parents.push_back(&relative->process());
    for (Process* parent : parents) {
      for (pid_t child : children_of(parent->pid())) {
        had_children_ = true;
        const auto stat = read_process_stat(child);
        if (!stat || stat->state == 'Z' || process(child) || ignored_.contains(child) || !tried.insert(child).second) continue;
        if (traces_itself(*parent)) continue;
        const bool shares = share_memory(parent->pid(), child);
        if (shares) sharers_.insert(child);
        try {
          auto relative = std::make_shared<Relative>(attach(child, root_.waiter()), parent->pid(), false, calls());
          const int status = relative->process().injector().status();
          if (shares) relative->set_shares_memory();
          relative->set_job_stopped(status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP);
          relatives_[child] = std::move(relative);
          found = true;
        } catch (const std::exception&) {
          // It stays alone, and each snapshot says so.
        }
      }
    }
  }
}

std::string Family::why_a_stranger(const Process& parent, pid_t child) {
  if (share_memory(parent.pid(), child)) return "shares its parent's memory and is not held: it runs on, and may write there, while the program stands";
  if (traces_itself(parent)) return "is not held: its parent can trace processes itself (ptrace), and they are left to it";
  std::ifstream file("/proc/" + std::to_string(child) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("TracerPid:\t") && line != "TracerPid:\t0") return "is not held: process " + line.substr(11) + " debugs it";
  return "is not held: the system does not let Rollpoint stop it";
}

std::map<pid_t, std::string> Family::strangers() {
  std::map<pid_t, std::string> result;
  if (!had_children_) return result;
  std::vector<Process*> parents{&root_};
  for (auto& [pid, relative] : relatives_) parents.push_back(&relative->process());
  for (Process* parent : parents) {
    for (pid_t child : children_of(parent->pid())) {
      if (process(child) || ignored_.contains(child)) continue;
      const auto stat = read_process_stat(child);
      if (stat && stat->state != 'Z' && stat->state != 'X') result.emplace(child, why_a_stranger(*parent, child));
    }
  }
  return result;
}

}  // namespace rollpoint::supervisor
