#include "resources/identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "tracee/remote_syscalls.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr const char* kNamespaces[] = {"cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts"};

std::vector<unsigned> numbers(const std::string& text) {
  std::vector<unsigned> result;
  std::istringstream stream(text);
  for (unsigned number = 0; stream >> number;) result.push_back(number);
  return result;
}

std::array<unsigned, 4> four(const std::string& text) {
  std::array<unsigned, 4> result{};
  const auto all = numbers(text);
  std::copy_n(all.begin(), std::min(all.size(), result.size()), result.begin());
  return result;
}

uint64_t bits(const std::string& text) { return strtoull(text.c_str(), nullptr, 16); }

bool may(const Standing& identity, int capability) { return identity.permitted >> capability & 1; }

// setresuid(2): any of the three may become any of the three; a privileged process may do as it likes.
bool within_reach(const std::array<unsigned, 4>& now, const std::array<unsigned, 4>& wanted, bool privileged) {
  return privileged || std::all_of(wanted.begin(), wanted.begin() + 3, [&](unsigned id) { return std::find(now.begin(), now.begin() + 3, id) != now.begin() + 3; });
}

bool same_credentials(const Standing& a, const Standing& b) {
  return a.users == b.users && a.groups == b.groups && a.supplementary == b.supplementary && a.permitted == b.permitted && a.effective == b.effective && a.inheritable == b.inheritable;
}

void put_capabilities(RemoteSyscalls& remote, uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (int half = 0; half < 2; ++half)
    data[half] = {static_cast<unsigned>(effective >> 32 * half), static_cast<unsigned>(permitted >> 32 * half), static_cast<unsigned>(inheritable >> 32 * half)};
  const uint64_t at = remote.put(&header, sizeof header);
  remote.call(SYS_capset, at, remote.put(data, sizeof data, 64));
}

// System calls change the credentials of the calling thread alone.
void put_credentials(Process& process, const Standing& now, const Standing& wanted) {
  for (auto& [tid, tracee] : process.tracees()) {
    if (tracee->parked() || tracee->in_vfork) continue;
    RemoteSyscalls remote(process, *tracee);
    put_capabilities(remote, now.permitted, now.permitted, now.inheritable);
    const uint64_t list = remote.put(wanted.supplementary.data(), wanted.supplementary.size() * sizeof(unsigned), 128);
    RemoteCall calls[] = {{SYS_setgroups, {wanted.supplementary.size(), list}},
                          {SYS_setresgid, {wanted.groups[0], wanted.groups[1], wanted.groups[2]}},
                          {SYS_setresuid, {wanted.users[0], wanted.users[1], wanted.users[2]}}};
    remote.batch(now.supplementary == wanted.supplementary ? std::span(calls).subspan(1) : std::span(calls));
    put_capabilities(remote, wanted.effective & now.permitted, wanted.permitted & now.permitted, wanted.inheritable);
  }
}

// What is missing where a rollback has led to `now`.
util::Warnings losses(const Standing& now, const Standing& wanted) {
  util::Warnings left;
  auto tell = [&](std::string message) { left.push_back({"oneWay", std::move(message)}); };
  if (now.users != wanted.users || now.groups != wanted.groups || now.supplementary != wanted.supplementary) tell("The program's user and groups could not all be put back.");
  if (now.permitted != wanted.permitted || now.effective != wanted.effective || now.inheritable != wanted.inheritable || now.bounding != wanted.bounding || now.ambient != wanted.ambient)
    tell("The program has given up capabilities since the snapshot, and they do not come back.");
  if (now.no_new_privileges != wanted.no_new_privileges) tell("The program has given up gaining privileges since the snapshot (no_new_privs, perhaps with a Landlock sandbox), which cannot be taken back.");
  if (now.session != wanted.session) tell("The program has left its session since the snapshot (setsid) and cannot join it again.");
  else if (now.group != wanted.group) tell("The program has changed its process group since the snapshot and cannot join the former one again.");
  if (now.root != wanted.root) tell("The program has changed its root directory since the snapshot (chroot), which is not taken back.");
  for (auto& [name, inode] : wanted.namespaces)
    if (auto it = now.namespaces.find(name); it != now.namespaces.end() && it->second != inode) tell("The program has moved to another namespace (" + name + ") since the snapshot, which is not taken back.");
  return left;
}

}  // namespace

Standing read_identity(const Process& process) {
  Standing identity;
  identity.users = four(process.status_field("Uid"));
  identity.groups = four(process.status_field("Gid"));
  identity.supplementary = numbers(process.status_field("Groups"));
  identity.inheritable = bits(process.status_field("CapInh"));
  identity.permitted = bits(process.status_field("CapPrm"));
  identity.effective = bits(process.status_field("CapEff"));
  identity.bounding = bits(process.status_field("CapBnd"));
  identity.ambient = bits(process.status_field("CapAmb"));
  identity.no_new_privileges = process.status_field("NoNewPrivs") == "1";
  identity.seccomp = atoi(process.status_field("Seccomp").c_str());
  identity.filters = atoi(process.status_field("Seccomp_filters").c_str());
  identity.group = getpgid(process.pid());
  identity.session = getsid(process.pid());
  const std::string base = "/proc/" + std::to_string(process.pid()) + "/";
  struct stat info {};
  if (stat((base + "root").c_str(), &info) == 0) identity.root = {info.st_dev, info.st_ino};
  for (const char* name : kNamespaces)
    if (stat((base + "ns/" + name).c_str(), &info) == 0) identity.namespaces.emplace(name, info.st_ino);
  return identity;
}

std::vector<std::string> identity_obstacles(const Process& process, const Standing& wanted) {
  std::vector<std::string> result;
  const auto held = process.hold_status();
  const auto now = read_identity(process);
  if (now.seccomp != wanted.seccomp || now.filters != wanted.filters)
    result.push_back("The program has installed a seccomp filter since the snapshot. A filter cannot be taken away, and it could kill the program for the system calls of a rollback, or for what it did before it had the filter.");
  if (!within_reach(now.users, wanted.users, may(now, CAP_SETUID)) || !within_reach(now.groups, wanted.groups, may(now, CAP_SETGID)))
    result.push_back("The program has given up its user or group since the snapshot (user " + std::to_string(wanted.users[1]) + ", now " + std::to_string(now.users[1]) + ") and cannot become it again: going on from the snapshot, it would fail where it succeeded before.");
  return result;
}

util::Warnings foresee_identity(const Process& process, const Standing& wanted) {
  const auto held = process.hold_status();
  const auto now = read_identity(process);
  if (now == wanted) return {};
  // As far as restore_identity gets.
  Standing reached = now;
  if (within_reach(now.users, wanted.users, may(now, CAP_SETUID))) reached.users = wanted.users;
  if (within_reach(now.groups, wanted.groups, may(now, CAP_SETGID))) reached.groups = wanted.groups;
  if (may(now, CAP_SETGID)) reached.supplementary = wanted.supplementary;
  reached.permitted = wanted.permitted & now.permitted;
  reached.effective = wanted.effective & now.permitted;
  if (!(wanted.inheritable & ~(now.inheritable | now.permitted))) reached.inheritable = wanted.inheritable;
  const bool is_there = wanted.group == process.pid() || kill(-wanted.group, 0) == 0 || errno == EPERM;
  if (now.session == wanted.session && is_there) reached.group = wanted.group;
  return losses(reached, wanted);
}

util::Warnings restore_identity(Process& process, const Standing& wanted) {
  Standing before;
  {
    const auto held = process.hold_status();
    before = read_identity(process);
  }
  if (before == wanted) return {};
  if (!same_credentials(before, wanted)) put_credentials(process, before, wanted);
  if (before.session == wanted.session && before.group != wanted.group) RemoteSyscalls(process).call(SYS_setpgid, 0, static_cast<uint64_t>(process.nested() ? tracee::id_inside("/proc/" + std::to_string(wanted.group)) : wanted.group));
  const auto held = process.hold_status();
  const auto now = read_identity(process);
  return losses(now, wanted);
}

std::vector<std::string> compare_identity(const Process& process, const Standing& wanted) {
  std::vector<std::string> result;
  const auto now = read_identity(process);
  if (!same_credentials(now, wanted)) result.push_back("users, groups or capabilities differ");
  if (now.no_new_privileges != wanted.no_new_privileges || now.seccomp != wanted.seccomp || now.filters != wanted.filters) result.push_back("no_new_privs or the seccomp filters differ");
  if (now.group != wanted.group || now.session != wanted.session) result.push_back("the process group or session differs");
  if (now.root != wanted.root || now.namespaces != wanted.namespaces) result.push_back("the root directory or a namespace differs");
  return result;
}

}  // namespace rollpoint::resources
