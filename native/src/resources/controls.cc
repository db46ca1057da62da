#include "resources/controls.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

// Constants that older headers lack (linux/prctl.h, asm/prctl.h).
constexpr uint64_t kGetIoFlusher = 58, kSetIoFlusher = 57, kGetMemoryMerge = 68, kSetMemoryMerge = 67, kGetMdwe = 66, kSetMdwe = 65;
constexpr uint64_t kGetCpuid = 0x1011, kSetCpuid = 0x1012;
constexpr uint64_t kNoPersonality = 0xffffffff;

struct Switch {
  const char* name;
  bool by_pointer;  // the getter stores an int instead of returning it
  RemoteCall get;
  RemoteCall (*set)(uint64_t value);
};

template <uint64_t Option>
RemoteCall simple(uint64_t value) {
  return {SYS_prctl, {Option, value}};
}

template <uint64_t Which>
RemoteCall speculation(uint64_t value) {
  return {SYS_prctl, {PR_SET_SPECULATION_CTRL, Which, value & ~uint64_t{PR_SPEC_PRCTL}}};
}

const std::array<Switch, 13> kSwitches{{
    {"secure bits", false, {SYS_prctl, {PR_GET_SECUREBITS}}, simple<PR_SET_SECUREBITS>},
    {"dumpable flag", false, {SYS_prctl, {PR_GET_DUMPABLE}}, simple<PR_SET_DUMPABLE>},
    {"keep-capabilities flag", false, {SYS_prctl, {PR_GET_KEEPCAPS}}, simple<PR_SET_KEEPCAPS>},
    {"child subreaper flag", true, {SYS_prctl, {PR_GET_CHILD_SUBREAPER}}, simple<PR_SET_CHILD_SUBREAPER>},
    // Linux 6.18 adds flags to the one bit.
    {"transparent huge pages switch", false, {SYS_prctl, {PR_GET_THP_DISABLE}}, [](uint64_t value) -> RemoteCall { return {SYS_prctl, {PR_SET_THP_DISABLE, value & 1, value & ~uint64_t{1}}}; }},
    {"machine check policy", false, {SYS_prctl, {PR_MCE_KILL_GET}}, [](uint64_t value) -> RemoteCall { return {SYS_prctl, {PR_MCE_KILL, PR_MCE_KILL_SET, value}}; }},
    {"I/O flusher flag", false, {SYS_prctl, {kGetIoFlusher}}, simple<kSetIoFlusher>},
    {"memory merging", false, {SYS_prctl, {kGetMemoryMerge}}, simple<kSetMemoryMerge>},
    {"protection against memory that is writable and executable", false, {SYS_prctl, {kGetMdwe}}, simple<kSetMdwe>},
    {"speculation control (store bypass)", false, {SYS_prctl, {PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS}}, speculation<PR_SPEC_STORE_BYPASS>},
    {"speculation control (indirect branches)", false, {SYS_prctl, {PR_GET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH}}, speculation<PR_SPEC_INDIRECT_BRANCH>},
    {"processor identification switch", false, {SYS_arch_prctl, {kGetCpuid}}, [](uint64_t value) -> RemoteCall { return {SYS_arch_prctl, {kSetCpuid, value}}; }},
    {"personality", false, {SYS_personality, {kNoPersonality}}, [](uint64_t value) -> RemoteCall { return {SYS_personality, {value}}; }},
}};

std::string path_of(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::string read_line(pid_t pid, const char* name) {
  const util::UniqueFd fd(open(path_of(pid, name).c_str(), O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t length = fd ? read(fd.get(), text, sizeof text) : 0;
  std::string line(text, length > 0 ? static_cast<size_t>(length) : 0);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  return line;
}

bool write_line(pid_t pid, const char* name, const std::string& line) {
  const util::UniqueFd fd(open(path_of(pid, name).c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

void ask_controls(tracee::Inquiry& inquiry, pid_t pid, Controls& controls) {
  struct Answers {
    std::array<int64_t, kSwitches.size()> results{};
    std::array<int, kSwitches.size()> stored{};
    int64_t children = 0;
  };
  auto answers = std::make_shared<Answers>();
  const uint64_t stored = inquiry.room(answers->stored.data(), sizeof answers->stored);
  for (size_t i = 0; i < kSwitches.size(); ++i) {
    auto call = kSwitches[i].get;
    if (kSwitches[i].by_pointer) call.arguments[1] = stored + i * sizeof(int);
    inquiry.ask(call, answers->results[i]);
  }
  inquiry.ask({SYS_waitid, {P_ALL, 0, 0, WEXITED | WNOHANG | WNOWAIT}}, answers->children);
  controls.oom_score_adjust = read_line(pid, "oom_score_adj");
  controls.core_filter = read_line(pid, "coredump_filter");
  inquiry.then([answers, &controls] {
    // PR_SET_KEEPCAPS is one of the secure bits, and the only one that needs no privilege: it counts for itself.
    if (answers->results[0] > 0) answers->results[0] &= ~int64_t{1 << SECURE_KEEP_CAPS};
    controls.switches.clear();
    for (size_t i = 0; i < kSwitches.size(); ++i) controls.switches.push_back(answers->results[i] < 0 || !kSwitches[i].by_pointer ? answers->results[i] : answers->stored[i]);
    controls.has_children = answers->children != -ECHILD;
  });
}

util::Warnings restore_controls(RemoteSyscalls& remote, pid_t pid, const Controls& now, const Controls& wanted) {
  util::Warnings left;
  std::vector<RemoteCall> calls;
  std::vector<const char*> names;
  for (size_t i = 0; i < kSwitches.size() && i < wanted.switches.size(); ++i) {
    if (wanted.switches[i] < 0 || now.switches[i] == wanted.switches[i]) continue;
    calls.push_back(kSwitches[i].set(static_cast<uint64_t>(wanted.switches[i])));
    names.push_back(kSwitches[i].name);
  }
  if (!calls.empty()) remote.batch(calls);
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i].result < 0) left.push_back({"process", std::string("The ") + names[i] + " of the process: it was changed since the snapshot and cannot be put back."});
  if (now.oom_score_adjust != wanted.oom_score_adjust && !write_line(pid, "oom_score_adj", wanted.oom_score_adjust))
    left.push_back({"process", "The process's oom_score_adj could not be put back to " + wanted.oom_score_adjust + "."});
  // Read as hexadecimal without a prefix (proc_pid_coredump_filter(5)).
  if (now.core_filter != wanted.core_filter && !write_line(pid, "coredump_filter", "0x" + wanted.core_filter))
    left.push_back({"process", "The process's coredump_filter could not be put back."});
  return left;
}

std::vector<std::string> compare_controls(const Controls& now, const Controls& wanted) {
  std::vector<std::string> result;
  for (size_t i = 0; i < kSwitches.size() && i < wanted.switches.size(); ++i)
    if (now.switches[i] != wanted.switches[i]) result.push_back(std::string("the ") + kSwitches[i].name + " differs");
  if (now.oom_score_adjust != wanted.oom_score_adjust) result.push_back("oom_score_adj differs");
  if (now.core_filter != wanted.core_filter) result.push_back("coredump_filter differs");
  return result;
}

}  // namespace rollpoint::resources
