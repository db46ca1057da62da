#include "resources/terminal_queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace rollpoint::resources {

using util::UniqueFd;

namespace {

constexpr size_t kMostBytes = 65536;  // more than both buffers of a pseudo-terminal hold
constexpr int kMostWaits = 20'000;    // of 50 µs: for the kernel's own worker, on a busy machine

bool canonical(const termios2& settings) { return (settings.c_lflag & ICANON) && !(settings.c_lflag & EXTPROC); }

void set(int fd, const termios2& settings) { ioctl(fd, TCSETS2, &settings); }

// A poll that finds nothing waits until all that the other end has written has come through (n_tty_poll()).
bool readable(int fd) {
  pollfd request{fd, POLLIN, 0};
  return poll(&request, 1, 0) == 1 && (request.revents & POLLIN) && !(request.revents & POLLHUP);
}

int unread_bytes(int fd) {
  int count = 0;
  ioctl(fd, FIONREAD, &count);
  return count;
}

template <class Condition>
bool wait_until(Condition condition) {
  for (int tries = 0; tries < kMostWaits; ++tries) {
    if (condition()) return true;
    timespec pause{0, 50'000};
    nanosleep(&pause, nullptr);
  }
  return false;
}

bool write_all(int fd, const std::string& bytes) {
  size_t done = 0;
  return wait_until([&] {
    while (done < bytes.size()) {
      const ssize_t put = write(fd, bytes.data() + done, bytes.size() - done);
      if (put < 0) return false;
      done += static_cast<size_t>(put);
    }
    return true;
  });
}

// An open file description of our own, so that we may choose not to block on it.
UniqueFd open_again(int fd, int flags) {
  return UniqueFd(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

bool is_master_of(int candidate, int slave) {
  unsigned index = 0;
  struct stat wanted {};
  if (ioctl(candidate, TIOCGPTN, &index) < 0 || fstat(slave, &wanted) < 0 || index != (minor(wanted.st_rdev) & 0xfffffu)) return false;
  const UniqueFd peer(ioctl(candidate, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  struct stat info {};
  return peer && fstat(peer.get(), &info) == 0 && info.st_rdev == wanted.st_rdev && info.st_dev == wanted.st_dev && info.st_ino == wanted.st_ino;
}

int find_master(int slave) {
  DIR* directory = opendir("/proc/self/fd");
  if (!directory) return -1;
  int found = -1;
  while (dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.' && found < 0 && is_master_of(atoi(entry->d_name), slave)) found = atoi(entry->d_name);
  closedir(directory);
  return found;
}

bool ends_line(const std::string& line, const termios2& settings) {
  if (line.empty()) return false;
  const auto last = static_cast<cc_t>(line.back());
  return last == '\n' || (last && (last == settings.c_cc[VEOL] || last == settings.c_cc[VEOL2]));
}

}  // namespace

int master_of_ours(pid_t debuggee, int slave) {
  struct Known {
    pid_t debuggee;
    dev_t device;
    int master;
  };
  thread_local Known known{0, 0, -1};
  struct stat info {};
  if (fstat(slave, &info) < 0) return -1;
  const bool same = known.debuggee == debuggee && known.device == info.st_rdev;
  unsigned index = 0;
  if (same && (known.master < 0 || (ioctl(known.master, TIOCGPTN, &index) == 0 && index == minor(info.st_rdev)))) return known.master;
  known = {debuggee, info.st_rdev, find_master(slave)};
  return known.master;
}

TerminalInput look_at_input(int slave, int master, const termios2& settings, int unread, bool alone) {
  if (unread == 0 && !readable(slave)) {
    if (!canonical(settings) || !alone) return {};
    auto raw = settings;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    set(slave, raw);
    if (unread_bytes(slave) == 0) {
      set(slave, settings);
      return {};
    }
    // Back in canonical mode what is there would count as a line: it is taken out first.
  }
  auto input = take_input(slave, settings);
  put_input(slave, master, settings, input);
  return input;
}

TerminalInput take_input(int slave, const termios2& settings) {
  TerminalInput input;
  char buffer[4096];
  size_t total = 0;
  termios2 now{};
  ioctl(slave, TCGETS2, &now);
  while (canonical(now) && total < kMostBytes && readable(slave)) {
    const ssize_t got = read(slave, buffer, sizeof buffer);
    if (got < 0) break;
    input.lines.emplace_back(buffer, static_cast<size_t>(got));
    total += static_cast<size_t>(got) + 1;
  }
  auto raw = settings;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  set(slave, raw);
  while (input.rest.size() < kMostBytes && readable(slave)) {
    const ssize_t got = read(slave, buffer, sizeof buffer);
    if (got <= 0) break;
    input.rest.append(buffer, static_cast<size_t>(got));
  }
  set(slave, settings);
  return input;
}

bool put_input(int slave, int master, const termios2& settings, const TerminalInput& input) {
  std::string all = input.rest;
  for (auto& line : input.lines) all += line;
  auto plain = settings;
  plain.c_iflag &= ~static_cast<tcflag_t>(ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | PARMRK | INPCK | IXANY);
  if (all.find(static_cast<char>(settings.c_cc[VSTART])) != std::string::npos || all.find(static_cast<char>(settings.c_cc[VSTOP])) != std::string::npos)
    plain.c_iflag &= ~static_cast<tcflag_t>(IXON);
  plain.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ISIG | IEXTEN);
  for (int special : {VINTR, VQUIT, VERASE, VKILL, VSUSP, VREPRINT, VWERASE, VLNEXT}) plain.c_cc[special] = 0;
  // The character that will end what the user ended by end-of-file: any that is in no line.
  unsigned char ending = 1;
  while (ending < 255 && (ending == '\n' || all.find(static_cast<char>(ending)) != std::string::npos)) ++ending;
  if (canonical(settings)) plain.c_cc[VEOF] = ending;
  set(slave, plain);
  std::string text;
  size_t complete = 0;
  for (auto& line : input.lines) {
    text += line;
    complete += line.size();
    if (!ends_line(line, settings)) text += static_cast<char>(ending);
  }
  text += input.rest;
  // In one write: where the last line shows, the rest behind it has come through too (it is taken under one lock).
  bool arrived = text.empty() || write_all(master, text);
  if (arrived && !input.lines.empty()) arrived = wait_until([&] { return readable(slave) && static_cast<size_t>(unread_bytes(slave)) >= complete; });
  else if (arrived && !canonical(settings)) arrived = wait_until([&] { return static_cast<size_t>(unread_bytes(slave)) >= input.rest.size(); });
  else readable(slave);
  set(slave, settings);
  return arrived;
}

std::string look_at_output(int master, int slave, const termios2& settings, bool packets) {
  if (unread_bytes(master) == 0 && !readable(master)) return {};
  auto output = take_output(master, packets);
  put_output(master, slave, settings, output);
  int on = packets;
  ioctl(master, TIOCPKT, &on);
  return output;
}

std::string take_output(int master, bool packets) {
  int off = 0;
  if (packets) ioctl(master, TIOCPKT, &off);
  std::string output;
  char buffer[4096];
  while (output.size() < kMostBytes && readable(master)) {
    const ssize_t got = read(master, buffer, sizeof buffer);
    if (got <= 0) break;
    output.append(buffer, static_cast<size_t>(got));
  }
  return output;
}

bool put_output(int master, int slave, const termios2& settings, const std::string& output) {
  if (output.empty()) return true;
  int exclusive = 0, none = 0;
  ioctl(slave, TIOCGEXCL, &exclusive);
  if (exclusive) ioctl(slave, TIOCNXCL, &none);
  const auto ours = open_again(slave, O_WRONLY);
  if (exclusive) ioctl(slave, TIOCEXCL, &none);
  if (!ours) return false;
  auto plain = settings;
  plain.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  set(slave, plain);
  bool arrived = write_all(ours.get(), output);
  // More than this may stay in the buffer before the one that FIONREAD counts.
  const auto shown = std::min<size_t>(output.size(), 2048);
  if (arrived) arrived = wait_until([&] { return static_cast<size_t>(unread_bytes(master)) >= shown; });
  set(slave, settings);
  return arrived;
}

}  // namespace rollpoint::resources
