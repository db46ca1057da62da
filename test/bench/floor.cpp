// The least that a later snapshot and a rollback can cost on this machine: stop all threads, one masked scan that also
// write-protects anew, one copy of the dirty pages (out, or back in), let go. No core, no store, no bookkeeping.
// Usage: floor MiB percent threads rounds; prints medians in µs as JSON. Fails where the kernel lacks PAGEMAP_SCAN.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;

// <linux/fs.h> and <linux/userfaultfd.h> of Linux 6.7; headers of distributions are older.
struct PageRegion {
  std::uint64_t start, end, categories;
};
struct ScanArguments {
  std::uint64_t size, flags, start, end, walk_end, regions, regions_length, max_pages, category_inverted,
      category_mask, category_anyof_mask, return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArguments);
constexpr std::uint64_t kWritten = 1 << 1, kPresent = 1 << 3, kSwapped = 1 << 4, kWriteProtectMatching = 1 << 0;
struct UffdApi {
  std::uint64_t api, features, ioctls;
};
struct UffdRegister {
  std::uint64_t start, length, mode, ioctls;
};
constexpr unsigned long kUffdApi = _IOWR(0xAA, 0x3F, UffdApi), kUffdRegister = _IOWR(0xAA, 0x00, UffdRegister);
constexpr std::uint64_t kUnpopulated = 1 << 13, kAsync = 1 << 15, kModeWriteProtect = 2;
constexpr int kUserModeOnly = 1;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// Runs in the child: dirties scattered pages whenever the parent asks for it.
[[noreturn]] void be_debuggee(unsigned char* heap, std::size_t pages, std::size_t dirty, int threads, int asked, int done) {
  const int uffd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | kUserModeOnly));
  if (uffd < 0) fail("userfaultfd");
  UffdApi api{0xAA, kUnpopulated | kAsync, 0};
  if (ioctl(uffd, kUffdApi, &api) != 0) fail("UFFDIO_API");
  UffdRegister area{reinterpret_cast<std::uint64_t>(heap), pages * kPage, kModeWriteProtect, 0};
  if (ioctl(uffd, kUffdRegister, &area) != 0) fail("UFFDIO_REGISTER");
  for (int i = 1; i < threads; ++i) std::thread([] { pause(); }).detach();
  std::size_t page = 1;
  char byte = 0;
  do {
    if (write(done, &byte, 1) != 1 || read(asked, &byte, 1) != 1) _exit(0);
    for (std::size_t i = 0; i < dirty; ++i, page = (page + 97) % pages) ++heap[page * kPage];
  } while (true);
}

struct Tracer {
  explicit Tracer(pid_t pid) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
      tids.push_back(std::stoi(task.path().filename()));
    for (pid_t tid : tids)
      if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_EXITKILL) != 0) fail("PTRACE_SEIZE");
  }
  void stop() {
    for (pid_t tid : tids)
      if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) fail("PTRACE_INTERRUPT");
    int status = 0;
    for (pid_t tid : tids)
      if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) fail("waitpid");
  }
  void resume() {
    for (pid_t tid : tids)
      if (ptrace(PTRACE_CONT, tid, 0, 0) != 0) fail("PTRACE_CONT");
  }
  std::vector<pid_t> tids;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int, char** argv) {
  const std::size_t pages = std::stoul(argv[1]) * (1 << 20) / kPage, dirty = pages * std::stoul(argv[2]) / 100;
  const int threads = std::stoi(argv[3]), rounds = std::stoi(argv[4]);
  auto* heap = static_cast<unsigned char*>(
      mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  madvise(heap, pages * kPage, MADV_NOHUGEPAGE);
  auto* arena = static_cast<unsigned char*>(
      mmap(nullptr, (dirty + 1024) * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
  if (heap == MAP_FAILED || arena == MAP_FAILED) fail("mmap");

  int ask[2], answer[2];
  if (pipe(ask) != 0 || pipe(answer) != 0) fail("pipe");
  const pid_t child = fork();
  if (child == 0) {
    for (std::size_t page = 0; page < pages; ++page) heap[page * kPage] = 1;
    be_debuggee(heap, pages, dirty, threads, ask[0], answer[1]);
  }
  close(answer[1]);
  char byte = 0;
  if (read(answer[0], &byte, 1) != 1) fail("the debuggee ended");
  Tracer tracer(child);
  const int pagemap = open(("/proc/" + std::to_string(child) + "/pagemap").c_str(), O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) fail("pagemap");

  std::vector<PageRegion> regions(pages);
  std::vector<iovec> remote;
  const auto scan = [&] {
    remote.clear();
    const auto begin = reinterpret_cast<std::uint64_t>(heap);
    ScanArguments arguments{sizeof arguments, kWriteProtectMatching, begin, begin + pages * kPage, 0,
                            reinterpret_cast<std::uint64_t>(regions.data()), regions.size(), 0, 0, kWritten,
                            kPresent | kSwapped, kWritten};
    const int count = ioctl(pagemap, kPagemapScan, &arguments);
    if (count < 0) fail("PAGEMAP_SCAN");
    for (int i = 0; i < count; ++i) {
      const auto& region = regions[static_cast<std::size_t>(i)];
      remote.push_back({reinterpret_cast<void*>(region.start), region.end - region.start});
    }
  };
  const auto copy = [&](bool back) {
    std::size_t at = 0;
    for (std::size_t first = 0; first < remote.size(); first += 1024) {
      const std::size_t count = std::min<std::size_t>(1024, remote.size() - first);
      std::size_t bytes = 0;
      for (std::size_t i = first; i < first + count; ++i) bytes += remote[i].iov_len;
      const iovec local{arena + at, bytes};
      const auto done = back ? process_vm_writev(child, &local, 1, &remote[first], count, 0)
                             : process_vm_readv(child, &local, 1, &remote[first], count, 0);
      if (done != static_cast<ssize_t>(bytes)) fail("process_vm");
      at += bytes;
    }
  };

  scan();  // everything counts as written at first
  std::vector<double> stops, scans, reads, writes, capture, rollback;
  for (int round = 0; round < rounds; ++round) {
    for (bool back : {false, true}) {
      if (write(ask[1], &byte, 1) != 1 || read(answer[0], &byte, 1) != 1) fail("the debuggee ended");
      using Clock = std::chrono::steady_clock;
      const auto micros = [](Clock::time_point a, Clock::time_point b) {
        return std::chrono::duration<double, std::micro>(b - a).count();
      };
      const auto begin = Clock::now();
      tracer.stop();
      const auto stopped = Clock::now();
      scan();
      const auto scanned = Clock::now();
      copy(back);
      const auto copied = Clock::now();
      tracer.resume();
      const auto end = Clock::now();
      stops.push_back(micros(begin, stopped) + micros(copied, end));
      scans.push_back(micros(stopped, scanned));
      (back ? writes : reads).push_back(micros(scanned, copied));
      (back ? rollback : capture).push_back(micros(begin, end));
      // What was written back counts as written: protect it again, outside the measurement.
      tracer.stop();
      if (back) scan();
      tracer.resume();
    }
  }
  kill(child, SIGKILL);
  std::printf("{\"stops\":%.0f,\"scan\":%.0f,\"read\":%.0f,\"write\":%.0f,\"capture\":%.0f,\"rollback\":%.0f}\n", median(stops),
              median(scans), median(reads), median(writes), median(capture), median(rollback));
}
