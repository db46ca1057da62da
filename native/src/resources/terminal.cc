#include "resources/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "resources/terminal_queue.h"
#include "util/error.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteSyscalls;
using util::UniqueFd;

namespace {

constexpr TerminalKey kNotPseudo = uint64_t{1} << 32;

// Changing a terminal that is ours too, from the background, would stop us (SIGTTOU).
class NoTerminalStops {
 public:
  NoTerminalStops() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    sigaddset(&set, SIGTTIN);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~NoTerminalStops() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoTerminalStops(const NoTerminalStops&) = delete;

 private:
  sigset_t before_;
};

// Duplicates for the moment; nothing of a terminal may be held.
struct Ends {
  UniqueFd slave, master;
  int slave_number = -1, master_number = -1;
  const UniqueFd& any() const { return slave ? slave : master; }
};

struct Control {
  uint64_t terminal = 0;
  pid_t foreground = 0;
};

Control control_of(const Process& process) {
  Control control;
  std::string text;
  std::getline(std::ifstream("/proc/" + std::to_string(process.pid()) + "/stat"), text);
  const auto end = text.rfind(')');
  if (end == std::string::npos) return control;
  std::istringstream fields(text.substr(end + 2));
  std::string state;
  long parent = 0, group = 0, session = 0, terminal = 0, foreground = 0;
  if (fields >> state >> parent >> group >> session >> terminal >> foreground) {
    control.terminal = static_cast<uint64_t>(terminal);
    control.foreground = static_cast<pid_t>(foreground);
  }
  return control;
}

TerminalKey key_of(dev_t device) {
  const unsigned number = major(device);
  return number >= 136 && number <= 143 ? minor(device) : kNotPseudo | device;
}

bool is_master(const std::string& target) { return target == "/dev/ptmx" || target == "/dev/pts/ptmx"; }

std::map<TerminalKey, Ends> reach(const Process& process, const DescriptorTable& descriptors) {
  std::map<TerminalKey, Ends> result;
  std::map<std::pair<dev_t, ino_t>, TerminalKey> known;
  for (auto& [number, descriptor] : descriptors) {
    if (descriptor.kind != DescriptorKind::kTerminal || descriptor.shares_with != number) continue;
    const bool master = is_master(descriptor.target);
    if (!master && known.contains({descriptor.device, descriptor.inode})) continue;
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), number, 0)));
    if (!fd) continue;
    if (master) {
      unsigned index = 0;
      if (ioctl(fd.get(), TIOCGPTN, &index) < 0) continue;
      auto& ends = result[index];
      if (ends.master) continue;
      ends.master = std::move(fd);
      ends.master_number = number;
      continue;
    }
    struct stat info {};
    termios2 settings{};
    // One that has been hung up has no settings (EIO).
    if (fstat(fd.get(), &info) < 0 || ioctl(fd.get(), TCGETS2, &settings) < 0) continue;
    // /dev/tty stands for the controlling terminal.
    const TerminalKey key = key_of(major(info.st_rdev) == 5 && minor(info.st_rdev) == 0 ? static_cast<dev_t>(control_of(process).terminal) : info.st_rdev);
    known[{descriptor.device, descriptor.inode}] = key;
    auto& ends = result[key];
    if (ends.slave) continue;
    ends.slave = std::move(fd);
    ends.slave_number = number;
  }
  return result;
}

Terminal read_one(const Process& process, TerminalKey key, const Ends& ends, bool alone) {
  Terminal terminal;
  const int fd = ends.any().get();
  ioctl(fd, TCGETS2, &terminal.settings);
  ioctl(fd, TIOCGWINSZ, &terminal.size);
  int flag = 0;
  if (ends.slave) {
    terminal.exclusive = ioctl(fd, TIOCGEXCL, &flag) == 0 && flag;
    ioctl(fd, FIONREAD, &terminal.unread);
    const int master = ends.master ? ends.master.get() : key < kNotPseudo ? master_of_ours(process.pid(), fd) : -1;
    if (master >= 0) terminal.input = look_at_input(fd, master, terminal.settings, terminal.unread, alone);
  }
  if (ends.master) {
    terminal.held_master = true;
    terminal.packets = ioctl(ends.master.get(), TIOCGPKT, &flag) == 0 && flag;
    terminal.locked = ioctl(ends.master.get(), TIOCGPTLCK, &flag) == 0 && flag;
    if (ends.slave) terminal.output = look_at_output(ends.master.get(), fd, terminal.settings, terminal.packets);
  }
  return terminal;
}

bool same_settings(const termios2& a, const termios2& b) { return memcmp(&a, &b, sizeof a) == 0; }
bool same_size(const winsize& a, const winsize& b) { return memcmp(&a, &b, sizeof a) == 0; }

std::string name_of(TerminalKey key) {
  return key < kNotPseudo ? "/dev/pts/" + std::to_string(key) : "device " + std::to_string(major(key & 0xffffffff)) + ":" + std::to_string(minor(key & 0xffffffff));
}

void restore_one(const Process& process, TerminalKey key, const Ends& ends, const Terminal& wanted, bool alone, util::Warnings& left) {
  const int fd = ends.any().get();
  const Terminal now = read_one(process, key, ends, alone);
  const bool moves_input = wanted.input && now.input && *wanted.input != *now.input;
  if (moves_input) {
    const int master = ends.master ? ends.master.get() : master_of_ours(process.pid(), fd);
    if (!now.input->empty()) take_input(fd, now.settings);
    if (!put_input(fd, master, wanted.settings, *wanted.input))
      left.push_back({"terminal", "What had been typed on " + name_of(key) + " could not be put back."});
  }
  if (moves_input || !same_settings(now.settings, wanted.settings)) {
    auto settings = wanted.settings;
    ioctl(fd, TCSETS2, &settings);
  }
  // The kernel sends SIGWINCH for every change; pending signals are put back later.
  if (!same_size(now.size, wanted.size)) ioctl(fd, TIOCSWINSZ, &wanted.size);
  if (ends.slave && now.exclusive != wanted.exclusive) ioctl(fd, wanted.exclusive ? TIOCEXCL : TIOCNXCL);
  if (!wanted.input && wanted.unread > now.unread && ends.slave)
    left.push_back({"terminal", "Input that was typed on " + name_of(key) + " before the snapshot has been read since and is gone: the terminal belongs to another program."});
  if (!ends.master || !wanted.held_master) return;
  if (wanted.output && now.output && *wanted.output != *now.output) {
    take_output(ends.master.get(), now.packets);
    if (!put_output(ends.master.get(), fd, wanted.settings, *wanted.output))
      left.push_back({"terminal", "What had been written to " + name_of(key) + " could not be put back."});
  }
  int flag = wanted.packets;
  if (now.packets != wanted.packets || wanted.output) ioctl(ends.master.get(), TIOCPKT, &flag);
  flag = wanted.locked;
  if (now.locked != wanted.locked) ioctl(ends.master.get(), TIOCSPTLCK, &flag);
}

void restore_control(Process& process, const std::map<TerminalKey, Ends>& ends, const Terminals& wanted, util::Warnings& left) {
  auto now = control_of(process);
  auto slave = [&](uint64_t device) {
    const auto it = ends.find(key_of(static_cast<dev_t>(device)));
    return it == ends.end() ? -1 : it->second.slave_number;
  };
  if (now.terminal != wanted.controlling) {
    RemoteSyscalls remote(process);
    // A process that was left without its terminal has got SIGHUP for it; pending signals are put back later.
    if (const int fd = slave(now.terminal); now.terminal && fd >= 0) remote.call(SYS_ioctl, static_cast<uint64_t>(fd), TIOCNOTTY);
    if (const int fd = slave(wanted.controlling); wanted.controlling && fd >= 0) remote.call(SYS_ioctl, static_cast<uint64_t>(fd), TIOCSCTTY, 0);
    now = control_of(process);
    if (now.terminal != wanted.controlling) left.push_back({"terminal", "The program's controlling terminal has changed since the snapshot and could not be put back."});
  }
  if (!wanted.controlling || now.terminal != wanted.controlling || now.foreground == wanted.foreground || wanted.foreground <= 0) return;
  const int fd = slave(wanted.controlling);
  RemoteSyscalls remote(process);
  // A group is named by its leader; where that is gone only we, outside, know its name.
  const pid_t group = process.nested() ? tracee::id_inside("/proc/" + std::to_string(wanted.foreground)) : wanted.foreground;
  if (fd < 0 || remote.call(SYS_ioctl, static_cast<uint64_t>(fd), TIOCSPGRP, remote.put(&group, sizeof group)) < 0)
    left.push_back({"terminal", "The foreground process group of the terminal could not be put back; it may have ended."});
}

}  // namespace

Terminals read_terminals(Process& process, const DescriptorTable& descriptors, bool alone) {
  Terminals result;
  const NoTerminalStops guard;
  for (auto& [key, ends] : reach(process, descriptors)) {
    result.all.emplace(key, read_one(process, key, ends, alone));
    if (ends.master) result.masters.emplace(ends.master_number, key);
  }
  if (!result.all.empty()) {
    const auto control = control_of(process);
    result.controlling = control.terminal;
    result.foreground = control.foreground;
  }
  return result;
}

util::Warnings restore_terminals(Process& process, const DescriptorTable& descriptors, const Terminals& wanted, bool alone) {
  util::Warnings left;
  if (wanted.all.empty()) return left;
  const NoTerminalStops guard;
  const auto ends = reach(process, descriptors);
  for (auto& [key, terminal] : wanted.all) {
    if (auto it = ends.find(key); it != ends.end()) restore_one(process, key, it->second, terminal, alone, left);
    else left.push_back({"terminal", "The terminal " + name_of(key) + " has been hung up since the snapshot and does not come back."});
  }
  restore_control(process, ends, wanted, left);
  return left;
}

std::vector<std::string> compare_terminals(Process& process, const DescriptorTable& descriptors, const Terminals& wanted) {
  std::vector<std::string> result;
  const auto now = read_terminals(process, descriptors, false);
  for (auto& [key, terminal] : wanted.all) {
    const auto it = now.all.find(key);
    const std::string of = " of " + name_of(key) + " differ";
    if (it == now.all.end()) {
      result.push_back("the terminal " + name_of(key) + " is missing");
      continue;
    }
    if (!same_settings(it->second.settings, terminal.settings)) result.push_back("the settings" + of);
    if (!same_size(it->second.size, terminal.size)) result.push_back("the window sizes" + of);
    if (it->second.exclusive != terminal.exclusive || it->second.packets != terminal.packets || it->second.locked != terminal.locked) result.push_back("the modes" + of);
    // A line that was not finished is looked at only where nobody else might read; see look_at_input.
    if (terminal.input && it->second.input && terminal.input->lines != it->second.input->lines) result.push_back("the unread lines" + of);
    if (terminal.output != it->second.output) result.push_back("the unread outputs" + of);
  }
  if (!wanted.all.empty() && (now.controlling != wanted.controlling || now.foreground != wanted.foreground)) result.push_back("the controlling terminal or its foreground group differs");
  return result;
}

UniqueFd recreate_master(const Terminals& wanted, int number) {
  const auto it = wanted.masters.find(number);
  if (it == wanted.masters.end()) return {};
  // The kernel gives the lowest number that is free: others may have let go of lower ones meanwhile.
  std::vector<UniqueFd> lower;
  for (;;) {
    UniqueFd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    unsigned index = 0;
    int locked = 0;
    if (!master || ioctl(master.get(), TIOCGPTN, &index) < 0 || index > it->second) return {};
    if (index == it->second) return ioctl(master.get(), TIOCSPTLCK, &locked) < 0 ? UniqueFd() : std::move(master);
    lower.push_back(std::move(master));
  }
}

}  // namespace rollpoint::resources
