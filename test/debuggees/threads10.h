// The parts of threads10 in one unit: the regions that main changes, and the ten threads.
#pragma once
#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

extern std::atomic<int> errors;
extern std::atomic<bool> finishing;
extern int step;
void failed(const char* what, long got, long wanted);

inline void expect(const char* what, long got, long wanted) {
  if (got != wanted) {
    failed(what, got, wanted);
  }
}

constexpr std::size_t kPage = 4096;

/** A mapping and what it must hold: page i begins with `seeds[i]` and repeats it through; 0 is an untouched page. */
struct Region {
  unsigned char* address;
  std::vector<std::uint32_t> seeds;
  int protection;
  bool shared;

  std::size_t size() const { return seeds.size() * kPage; }
};

class Mappings {
 public:
  Mappings() {
    // Never changed in layout; the kinds that a copy-on-write twin does not freeze are among them.
    fixed_.push_back(make(24, MAP_SHARED));
    fixed_.push_back(make(16, MAP_PRIVATE));
    madvise(fixed_.back().address, fixed_.back().size(), MADV_DONTFORK);
    fixed_.push_back(make(16, MAP_PRIVATE));
    madvise(fixed_.back().address, fixed_.back().size(), MADV_WIPEONFORK);
    fixed_.push_back(make(2048, MAP_PRIVATE));
    madvise(fixed_.back().address, fixed_.back().size(), MADV_HUGEPAGE);
    for (Region& region : fixed_) {
      for (std::size_t page = 0; page < region.seeds.size(); page += 3) {
        write(region, page, static_cast<std::uint32_t>(page + 1));
      }
    }
    heap_.address = static_cast<unsigned char*>(sbrk(0));
    heap_.address += (kPage - reinterpret_cast<std::uintptr_t>(heap_.address) % kPage) % kPage;
    heap_.protection = PROT_READ | PROT_WRITE;
    heap_.shared = false;
    // malloc must leave brk alone from here on: the region above is ours.
    heap_end_ = heap_.address;
    if (brk(heap_.address) != 0) {
      failed("brk", -1, 0);
    }
  }

  void change(int number) {
    std::uint32_t seed = static_cast<std::uint32_t>(number) * 2654435761u | 1;
    for (Region& region : fixed_) {
      write(region, seed % region.seeds.size(), seed);
      write(region, (seed / 7) % region.seeds.size(), seed + 2);
    }
    switch (number % 9) {
      case 0:
        moving_.push_back(make(4 + number % 13, MAP_PRIVATE));
        write_all(moving_.back(), seed);
        break;
      case 1:
        grow_heap(seed);
        break;
      case 2:
        move(seed);
        break;
      case 3:
        grow(seed);
        break;
      case 4:
        protect(seed);
        break;
      case 5:
        drop_pages(seed);
        break;
      case 6:
        grow_stack(number % 40 + 1, seed);
        break;
      case 7:
        split(seed);
        break;
      case 8:
        unmap(seed);
        break;
    }
    moving_.push_back(make(2, MAP_PRIVATE));
    write(moving_.back(), 0, seed);
  }

  void check() const {
    for (const Region& region : fixed_) {
      check(region);
    }
    for (const Region& region : moving_) {
      check(region);
    }
    check(heap_);
  }

  std::uint64_t digest() const {
    std::uint64_t sum = 0;
    for (const auto* list : {&fixed_, &moving_}) {
      for (const Region& region : *list) {
        for (std::uint32_t seed : region.seeds) {
          sum = sum * 31 + seed;
        }
      }
    }
    for (std::uint32_t seed : heap_.seeds) {
      sum = sum * 31 + seed;
    }
    return sum;
  }

 private:
  static Region make(std::size_t pages, int sharing) {
    void* address =
        mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) {
      failed("mmap", -1, 0);
      _exit(4);
    }
    return {static_cast<unsigned char*>(address), std::vector<std::uint32_t>(pages, 0), PROT_READ | PROT_WRITE,
            sharing == MAP_SHARED};
  }

  static void write(Region& region, std::size_t page, std::uint32_t seed) {
    if (!(region.protection & PROT_WRITE)) {
      return;
    }
    auto* words = reinterpret_cast<std::uint32_t*>(region.address + page * kPage);
    for (std::size_t i = 0; i < kPage / 4; ++i) {
      words[i] = seed + static_cast<std::uint32_t>(i);
    }
    region.seeds[page] = seed;
  }

  static void write_all(Region& region, std::uint32_t seed) {
    for (std::size_t page = 0; page < region.seeds.size(); ++page) {
      write(region, page, seed + static_cast<std::uint32_t>(page) * 7);
    }
  }

  static void check(const Region& region) {
    if (!(region.protection & PROT_READ)) {
      return;
    }
    for (std::size_t page = 0; page < region.seeds.size(); ++page) {
      const std::uint32_t seed = region.seeds[page];
      const auto* words = reinterpret_cast<const std::uint32_t*>(region.address + page * kPage);
      for (std::uint32_t i = 0; i < kPage / 4; ++i) {
        const std::uint32_t wanted = seed == 0 ? 0 : seed + i;
        if (words[i] != wanted) {
          failed("memory", words[i], wanted);
          break;
        }
      }
    }
  }

  Region* pick(std::uint32_t seed) { return moving_.empty() ? nullptr : &moving_[seed % moving_.size()]; }

  void move(std::uint32_t seed) {
    Region* region = pick(seed);
    if (!region) {
      return;
    }
    void* target = mmap(nullptr, region->size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* moved = mremap(region->address, region->size(), region->size(), MREMAP_MAYMOVE | MREMAP_FIXED, target);
    expect("mremap to another place", moved == target, 1);
    region->address = static_cast<unsigned char*>(moved);
    write(*region, 0, seed);
  }

  void grow(std::uint32_t seed) {
    Region* region = pick(seed);
    if (!region) {
      return;
    }
    const std::size_t pages = region->seeds.size() + 5;
    void* grown = mremap(region->address, region->size(), pages * kPage, MREMAP_MAYMOVE);
    expect("mremap that grows", grown != MAP_FAILED, 1);
    region->address = static_cast<unsigned char*>(grown);
    region->seeds.resize(pages, 0);
    write(*region, pages - 1, seed);
  }

  void protect(std::uint32_t seed) {
    Region* region = pick(seed);
    if (!region) {
      return;
    }
    static const int protections[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE};
    region->protection = protections[seed / 16 % 3];
    expect("mprotect", mprotect(region->address, region->size(), region->protection), 0);
    write(*region, 0, seed);
  }

  void drop_pages(std::uint32_t seed) {
    Region& huge = fixed_[3];
    const std::size_t first = seed % (huge.seeds.size() - 600);
    expect("madvise", madvise(huge.address + first * kPage, 600 * kPage, MADV_DONTNEED), 0);
    std::fill(huge.seeds.begin() + static_cast<long>(first), huge.seeds.begin() + static_cast<long>(first) + 600, 0);
    Region& small = fixed_[1];
    expect("madvise", madvise(small.address, 5 * kPage, MADV_DONTNEED), 0);
    std::fill(small.seeds.begin(), small.seeds.begin() + 5, 0);
    write(small, 2, seed);
  }

  __attribute__((noinline)) static std::uint32_t grow_stack(int depth, std::uint32_t seed) {
    volatile std::uint32_t words[8192];
    for (std::uint32_t i = 0; i < 8192; i += 512) {
      words[i] = seed + static_cast<std::uint32_t>(depth);
    }
    const std::uint32_t below = depth > 0 ? grow_stack(depth - 1, seed) : seed;
    for (std::uint32_t i = 0; i < 8192; i += 512) {
      expect("stack", words[i], seed + static_cast<std::uint32_t>(depth));
    }
    return below;
  }

  /** Takes the middle page out of a region, which leaves two. */
  void split(std::uint32_t seed) {
    Region* region = pick(seed);
    if (!region || region->seeds.size() < 3) {
      return;
    }
    const std::size_t middle = region->seeds.size() / 2;
    expect("munmap", munmap(region->address + middle * kPage, kPage), 0);
    Region right = *region;
    right.address += (middle + 1) * kPage;
    right.seeds.erase(right.seeds.begin(), right.seeds.begin() + static_cast<long>(middle) + 1);
    region->seeds.resize(middle);
    moving_.push_back(right);
  }

  void unmap(std::uint32_t seed) {
    for (int i = 0; i < 4 && !moving_.empty(); ++i) {
      const std::size_t index = (seed + static_cast<std::uint32_t>(i)) % moving_.size();
      expect("munmap", munmap(moving_[index].address, moving_[index].size()), 0);
      moving_.erase(moving_.begin() + static_cast<long>(index));
    }
  }

  void grow_heap(std::uint32_t seed) {
    constexpr std::size_t pages = 6;
    if (sbrk(0) != heap_end_) {
      // malloc has used brk after all: what follows ours is its own.
      return;
    }
    expect("brk", brk(heap_end_ + pages * kPage), 0);
    heap_end_ += pages * kPage;
    heap_.seeds.resize(heap_.seeds.size() + pages, 0);
    write(heap_, heap_.seeds.size() - 1, seed);
    write(heap_, seed % heap_.seeds.size(), seed + 1);
  }

  std::vector<Region> fixed_;
  std::vector<Region> moving_;
  Region heap_;
  unsigned char* heap_end_;
};

/** A number that main sends and a thread acknowledges. */
struct Mailbox {
  std::atomic<int> sent{0};
  std::atomic<int> received{0};
  int descriptors[2] = {-1, -1};

  void arrived(const char* who, int number) {
    expect(who, number, received + 1);
    received = number;
  }

  void wait_until_received(int number) {
    while (received != number) {
      usleep(100);
    }
  }
};

class Workers {
 public:
  void start() {
    struct sigaction action;
    std::memset(&action, 0, sizeof action);
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    expect("pipe", pipe(pipe_.descriptors) | pipe(poll_.descriptors), 0);
    epoll_.descriptors[0] = epoll_create1(EPOLL_CLOEXEC);
    epoll_.descriptors[1] = eventfd(0, EFD_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 77;
    expect("epoll_ctl", epoll_ctl(epoll_.descriptors[0], EPOLL_CTL_ADD, epoll_.descriptors[1], &event), 0);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition_, &attributes);
    begin<&Workers::spin_vectors>(0);
    begin<&Workers::spin_general>(1);
    begin<&Workers::wait_futex>(2);
    begin<&Workers::sleep_short>(3);
    begin<&Workers::sleep_long>(4);
    begin<&Workers::read_pipe>(5);
    begin<&Workers::wait_epoll>(6);
    begin<&Workers::wait_condition>(7);
    begin<&Workers::wait_poll>(8);
    begin<&Workers::count_locals>(9);
  }

  void send(int number) {
    futex_.sent = number;
    syscall(SYS_futex, &futex_.sent, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    expect("write to the pipe", ::write(pipe_.descriptors[1], &number, sizeof number), sizeof number);
    expect("write to the polled pipe", ::write(poll_.descriptors[1], &number, sizeof number), sizeof number);
    std::uint64_t value = static_cast<std::uint64_t>(number);
    expect("write to the eventfd", ::write(epoll_.descriptors[1], &value, sizeof value), sizeof value);
    pthread_mutex_lock(&mutex_);
    condition_box_.sent = number;
    pthread_cond_signal(&condition_);
    pthread_mutex_unlock(&mutex_);
    for (Mailbox* box : {&futex_, &pipe_, &poll_, &epoll_, &condition_box_}) {
      box->wait_until_received(number);
    }
  }

  /** Threads that exit at once and are joined later, and threads that are born, live for some steps and end. */
  void change_threads(int number) {
    if (number % 4 == 0) {
      exited_value_ = number;
      expect("pthread_create", pthread_create(&exited_, nullptr, exit_at_once, reinterpret_cast<void*>(exited_value_)), 0);
    } else if (number % 4 == 2 && exited_value_ != 0) {
      void* result = nullptr;
      expect("pthread_join", pthread_join(exited_, &result), 0);
      expect("exit value of a thread", reinterpret_cast<long>(result), exited_value_ * 3);
      joined_ += static_cast<std::uint64_t>(exited_value_);
      exited_value_ = 0;
    }
    if (number % 5 == 1) {
      young_stop_ = false;
      expect("pthread_create", pthread_create(&young_, nullptr, live_for_a_while, this), 0);
      young_lives_ = true;
    } else if (number % 5 == 4 && young_lives_) {
      end_young();
    }
  }

  void finish() {
    finishing = true;
    if (young_lives_) {
      end_young();
    }
    if (exited_value_ != 0) {
      pthread_join(exited_, nullptr);
    }
    futex_.sent = -1;
    syscall(SYS_futex, &futex_.sent, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    int end = -1;
    std::uint64_t one = 1;
    expect("write", ::write(pipe_.descriptors[1], &end, sizeof end), sizeof end);
    expect("write", ::write(poll_.descriptors[1], &end, sizeof end), sizeof end);
    expect("write", ::write(epoll_.descriptors[1], &one, sizeof one), sizeof one);
    while (!long_sleeper_ended_) {
      pthread_kill(threads_[4], SIGUSR1);
      usleep(1000);
    }
    for (pthread_t thread : threads_) {
      expect("pthread_join", pthread_join(thread, nullptr), 0);
    }
  }

  std::uint64_t digest() const {
    return joined_ * 1000003 + static_cast<std::uint64_t>(futex_.received + pipe_.received * 3 + poll_.received * 5);
  }

 private:
  template <void (Workers::*body)()>
  void begin(int index) {
    auto run = [](void* self) -> void* {
      (static_cast<Workers*>(self)->*body)();
      return nullptr;
    };
    expect("pthread_create", pthread_create(&threads_[index], nullptr, run, this), 0);
  }

  /** Adds 1.0 to four doubles in one vector register two million times, with a pattern in another. */
  __attribute__((target("avx"))) static void add_in_ymm(double* sums, const double* pattern, double* pattern_after) {
    static const double one = 1.0;
    long rounds = 2000000;
    asm volatile(
        "vmovupd (%1), %%ymm7\n"
        "vbroadcastsd (%4), %%ymm6\n"
        "vmovupd (%2), %%ymm12\n"
        "1: vaddpd %%ymm6, %%ymm7, %%ymm7\n"
        "dec %0\n"
        "jnz 1b\n"
        "vmovupd %%ymm7, (%1)\n"
        "vmovupd %%ymm12, (%3)\n"
        "vzeroupper\n"
        : "+r"(rounds)
        : "r"(sums), "r"(pattern), "r"(pattern_after), "r"(&one)
        : "memory", "cc", "xmm6", "xmm7", "xmm12");
  }

  static void add_in_xmm(double* sums) {
    for (int i = 0; i < 2000000; ++i) {
      __m128d* both = reinterpret_cast<__m128d*>(sums);
      both[0] = _mm_add_pd(both[0], _mm_set1_pd(1.0));
      both[1] = _mm_add_pd(both[1], _mm_set1_pd(1.0));
    }
  }

  void spin_vectors() {
    alignas(32) double sums[4] = {0, 1, 2, 3};
    alignas(32) const double pattern[4] = {1.5, -2.5, 1e300, 4.25};
    for (long round = 1; !finishing; ++round) {
      if (__builtin_cpu_supports("avx")) {
        alignas(32) double after[4];
        add_in_ymm(sums, pattern, after);
        expect("pattern in a vector register", std::memcmp(pattern, after, sizeof after), 0);
      } else {
        add_in_xmm(sums);
      }
      for (int lane = 0; lane < 4; ++lane) {
        expect("sum in a vector register", static_cast<long>(sums[lane]), round * 2000000 + lane);
      }
      vector_rounds_ = round;
      sched_yield();
    }
  }

  void spin_general() {
    while (!finishing) {
      std::uint64_t a = 0x1111, b = 0x2222, c = 0x3333;
      long rounds = 3000000;
      asm volatile(
          "mov %1, %%r12\n mov %2, %%r13\n mov %3, %%r14\n xor %%r15d, %%r15d\n"
          "1: inc %%r15\n dec %0\n jnz 1b\n"
          "sub %1, %%r12\n sub %2, %%r13\n sub %3, %%r14\n"
          "or %%r13, %%r12\n or %%r14, %%r12\n mov %%r12, %1\n mov %%r15, %2\n"
          : "+r"(rounds), "+r"(a), "+r"(b), "+r"(c)
          :
          : "r12", "r13", "r14", "r15", "cc");
      expect("general registers", static_cast<long>(a), 0);
      expect("count in a general register", static_cast<long>(b), 3000000);
      usleep(500);
    }
  }

  void wait_futex() {
    int seen = 0;
    while (true) {
      const int now = futex_.sent;
      if (now == seen) {
        const long result = syscall(SYS_futex, &futex_.sent, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
        if (result != 0 && errno != EAGAIN) {
          failed("futex", errno, 0);
        }
        continue;
      }
      if (now == -1) {
        return;
      }
      seen = now;
      futex_.arrived("number by futex", now);
    }
  }

  static long millis() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
  }

  void sleep_short() {
    while (!finishing) {
      const long begin = millis();
      timespec time{0, 150000000};
      expect("nanosleep", nanosleep(&time, nullptr), 0);
      // Longer is fine, time goes on across a rollback; shorter means that the rest of another call was slept.
      expect("nanosleep ended early", millis() - begin >= 149, 1);
    }
  }

  void sleep_long() {
    while (!finishing) {
      timespec time{100000, 0};
      const int result = nanosleep(&time, nullptr);
      if (!finishing) {
        failed("a sleep of a day ended", result, -1);
      }
    }
    long_sleeper_ended_ = true;
  }

  void read_pipe() {
    while (true) {
      int number = 0;
      expect("read", ::read(pipe_.descriptors[0], &number, sizeof number), sizeof number);
      if (number == -1) {
        return;
      }
      pipe_.arrived("number by pipe", number);
    }
  }

  void wait_epoll() {
    while (true) {
      epoll_event event{};
      const int count = epoll_wait(epoll_.descriptors[0], &event, 1, -1);
      expect("epoll_wait", count, 1);
      if (count != 1) {
        continue;
      }
      expect("data of the epoll event", static_cast<long>(event.data.u64), 77);
      std::uint64_t number = 0;
      expect("read of the eventfd", ::read(epoll_.descriptors[1], &number, sizeof number), sizeof number);
      if (finishing) {
        return;
      }
      epoll_.arrived("number by epoll", static_cast<int>(number));
    }
  }

  void wait_condition() {
    int seen = 0;
    pthread_mutex_lock(&mutex_);
    while (!finishing) {
      timespec until;
      clock_gettime(CLOCK_MONOTONIC, &until);
      until.tv_nsec += 80000000;
      until.tv_sec += until.tv_nsec / 1000000000;
      until.tv_nsec %= 1000000000;
      const int result = pthread_cond_timedwait(&condition_, &mutex_, &until);
      if (result != 0 && result != ETIMEDOUT) {
        failed("pthread_cond_timedwait", result, 0);
      }
      if (condition_box_.sent != seen) {
        seen = condition_box_.sent;
        condition_box_.arrived("number by condition variable", seen);
      }
    }
    pthread_mutex_unlock(&mutex_);
  }

  void wait_poll() {
    while (true) {
      pollfd item{poll_.descriptors[0], POLLIN, 0};
      const long begin = millis();
      const int count = poll(&item, 1, 120);
      if (count == 0) {
        expect("poll timed out early", millis() - begin >= 119, 1);
        continue;
      }
      expect("poll", count, 1);
      int number = 0;
      expect("read after poll", ::read(poll_.descriptors[0], &number, sizeof number), sizeof number);
      if (number == -1) {
        return;
      }
      poll_.arrived("number by poll", number);
    }
  }

  /** Keeps the same count in a local, in thread-local storage and in its heap. */
  void count_locals() {
    thread_local long in_tls = 0;
    long local = 0;
    std::vector<long> history;
    while (!finishing) {
      ++local;
      ++in_tls;
      history.push_back(local);
      if (history.size() > 2000) {
        history.clear();
        history.shrink_to_fit();
      } else {
        expect("heap of a thread", history.back(), local);
      }
      expect("thread-local storage", in_tls, local);
      usleep(300);
    }
  }

  static void* exit_at_once(void* value) { return reinterpret_cast<void*>(reinterpret_cast<long>(value) * 3); }

  static void* live_for_a_while(void* self) {
    auto* workers = static_cast<Workers*>(self);
    thread_local long mine = 0;
    for (long turn = 1; !workers->young_stop_; ++turn) {
      expect("thread-local storage of a young thread", ++mine, turn);
      usleep(200);
    }
    return reinterpret_cast<void*>(0x5ca1ab1e);
  }

  void end_young() {
    void* result = nullptr;
    young_stop_ = true;
    expect("pthread_join", pthread_join(young_, &result), 0);
    expect("exit value of a young thread", reinterpret_cast<long>(result), 0x5ca1ab1e);
    young_lives_ = false;
  }

  pthread_t threads_[10];
  Mailbox futex_, pipe_, poll_, epoll_, condition_box_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition_;
  std::atomic<long> vector_rounds_{0};
  std::atomic<bool> long_sleeper_ended_{false};
  pthread_t exited_{};
  long exited_value_ = 0;
  std::uint64_t joined_ = 0;
  pthread_t young_{};
  std::atomic<bool> young_stop_{false};
  bool young_lives_ = false;
};
