// What one packet of the remote protocol costs at a server: speaks to it over a socket pair as gdb does, one packet after
// the other. Usage: packets ROUNDS SERVER [ARGS…], the server on its standard streams; prints JSON, medians in µs.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace {

int server = -1;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void put(const std::string& bytes) {
  if (write(server, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) fail("the server does not read");
}

/// `0* ` is `0` and so many more of it as the character after `*` says.
std::string without_runs(const std::string& payload) {
  std::string bytes;
  for (size_t at = 0; at < payload.size(); ++at) {
    if (payload[at] != '*' || at + 1 == payload.size() || bytes.empty()) bytes += payload[at];
    else bytes.append(static_cast<size_t>(payload[++at] - 29), bytes.back());
  }
  return bytes;
}

/// One packet, without `$` and the sum.
std::string take() {
  std::string bytes;
  char piece[65536];
  for (;;) {
    const ssize_t got = read(server, piece, sizeof piece);
    if (got <= 0) fail("the server has gone");
    bytes.append(piece, static_cast<size_t>(got));
    const size_t begin = bytes.find('$'), end = bytes.find('#', begin == std::string::npos ? 0 : begin);
    if (begin != std::string::npos && end != std::string::npos && bytes.size() >= end + 3) return bytes.substr(begin + 1, end - begin - 1);
  }
}

std::string ask(const std::string& payload, bool acknowledge = false) {
  unsigned sum = 0;
  for (unsigned char byte : payload) sum += byte;
  char tail[4];
  std::snprintf(tail, sizeof tail, "#%02x", sum & 0xff);
  put("$" + payload + tail);
  auto reply = take();
  if (acknowledge) put("+");
  return reply;
}

double median(int rounds, const std::function<void()>& work) {
  std::vector<double> micros;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(micros.begin(), micros.begin() + rounds / 2, micros.end());
  return micros[static_cast<size_t>(rounds / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fail("usage: packets ROUNDS SERVER [ARGS…]");
  const int rounds = std::atoi(argv[1]);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) fail("socketpair");
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 0);
    dup2(ends[1], 1);
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  server = ends[0];
  close(ends[1]);
  ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386;vContSupported+", true);
  ask("QStartNoAckMode", true);
  ask("Hgp0.0");
  // Names the registers of `g`, as gdb has them named.
  ask("qXfer:features:read:target.xml:0,ffff");
  ask("?");
  ask("vCont?");
  const std::string registers = without_runs(ask("g"));
  // rip is register 16, least byte first.
  std::string pc;
  for (int byte = 7; byte >= 0; --byte) pc += registers.substr(static_cast<size_t>(16 * 16 + 2 * byte), 2);
  const std::string code = "m" + pc + ",1";
  median(rounds, [&] { ask(code); });  // a server of ours gets faster as it is compiled
  const double select = median(rounds, [] { ask("Hg0"); });
  const double memory = median(rounds, [&] { ask(code); });
  const double all = median(rounds, [] { ask("g"); });
  const double threads = median(rounds, [] { ask("qXfer:threads:read::0,1000"); });
  const double step = median(rounds, [] { ask("vCont;s"); });
  std::printf("{\"select\":%.1f,\"memory\":%.1f,\"registers\":%.1f,\"threads\":%.1f,\"step\":%.1f}\n", select, memory, all, threads, step);
  put("$k#6b");
  shutdown(server, SHUT_RDWR);
  waitpid(pid, nullptr, 0);
}
