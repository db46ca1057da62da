#include "tracee/waiter.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "tracee/timed_wait.h"
#include "util/error.h"

namespace rollpoint::tracee {

namespace {

// A wake-up between the check of the flag and the wait would be lost; the handler therefore jumps out of the wait.
// That is safe because the wait leaves the status in the kernel (WNOWAIT).
thread_local sigjmp_buf jump_target;
thread_local volatile sig_atomic_t jump_armed = 0;

int wake_signal() { return SIGRTMAX - 2; }

void on_wake(int) {
  if (jump_armed) {
    jump_armed = 0;
    siglongjmp(jump_target, 1);
  }
}

}  // namespace

Waiter::Waiter() : doorbell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!doorbell_) throw util::SysError("eventfd", errno);
}

Waiter::~Waiter() {
  if (timer_) timer_delete(*timer_);
}

void Waiter::bind() {
  // The first touch of a loaded library's thread-locals allocates them; in the handler, a wake-up inside fork (which
  // holds every malloc lock) would wait for itself.
  jump_armed = 0;
  struct sigaction action {};
  action.sa_handler = on_wake;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  sigaction(wake_signal(), &action, nullptr);
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, wake_signal());
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  thread_ = static_cast<pid_t>(syscall(SYS_gettid));
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = wake_signal();
  event._sigev_un._tid = thread_;
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) throw util::SysError("timer_create", errno);
  timer_ = timer;
}

// False when there is no tracee at all.
bool Waiter::block_until_reported() {
  if (sigsetjmp(jump_target, 0)) return true;
  jump_armed = 1;
  if (!woken_.load() && !is_time()) {
    siginfo_t info;
    int result = waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD);
    jump_armed = 0;
    return result == 0 || errno != ECHILD;
  }
  jump_armed = 0;
  return true;
}

std::optional<WaitStatus> Waiter::wait() {
  for (;;) {
    if (woken_.exchange(false)) {
      uint64_t count;
      while (read(doorbell_.get(), &count, sizeof count) > 0) {
      }
      return std::nullopt;
    }
    if (auto status = poll()) return status;
    if (is_time()) {
      alarm_.reset();
      return std::nullopt;
    }
    if (!block_until_reported()) {
      pollfd bell{doorbell_.get(), POLLIN, 0};
      ::poll(&bell, 1, -1);
    }
  }
}

std::optional<WaitStatus> Waiter::poll() {
  if (!put_back_.empty()) {
    const WaitStatus met = put_back_.front();
    put_back_.erase(put_back_.begin());
    return met;
  }
  int status;
  pid_t tid = waitpid(-1, &status, WNOHANG | __WALL | __WNOTHREAD);
  if (tid <= 0) return std::nullopt;
  return WaitStatus{tid, status};
}

int Waiter::wait_for(pid_t tid) {
  if (auto it = std::find_if(put_back_.begin(), put_back_.end(), [&](auto& met) { return met.tid == tid; }); it != put_back_.end()) {
    const int status = it->status;
    put_back_.erase(it);
    return status;
  }
  for (;;) {
    int status;
    pid_t result = waitpid(tid, &status, __WALL | WNOHANG);
    if (result == tid) return status;
    if (result < 0 && errno != EINTR) throw util::SysError("waitpid", errno);
    // Not for it alone: where all are killed, the end of a first thread is told when the others have been reaped (ptrace(2)).
    result = waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (result == tid) return status;
    if (result > 0) put_back({result, status});
  }
}

void Waiter::forget_end(pid_t tid) {
  std::erase_if(put_back_, [&](auto& met) { return met.tid == tid && !WIFSTOPPED(met.status); });
}

void Waiter::reap_the_killed() {
  // A large one takes some 100 ms to die. One that does not die is not waited for: it goes with its tracer.
  constexpr timespec kPause{0, 500'000};
  for (int tries = 0; tries < 4000; ++tries) {
    const pid_t tid = waitpid(-1, nullptr, WNOHANG | __WALL | __WNOTHREAD);
    if (tid < 0 && errno != EINTR) return;
    if (tid == 0) nanosleep(&kPause, nullptr);
  }
}

void Waiter::wait_for_end(pid_t tid) {
  for (int status = 0x7f; WIFSTOPPED(status);) status = wait_for(tid);
}

bool Waiter::is_time() const { return alarm_ && monotonic_now() >= *alarm_; }

void Waiter::wake_at(std::optional<int64_t> time) {
  if (time == alarm_) return;
  alarm_ = time;
  constexpr int64_t kSecond = 1'000'000'000;
  // Zero would switch it off, the past rings at once (timer_settime(2)).
  const int64_t when = time ? std::max<int64_t>(*time, 1) : 0;
  const itimerspec setting{{}, {when / kSecond, when % kSecond}};
  timer_settime(*timer_, TIMER_ABSTIME, &setting, nullptr);
}

void Waiter::wake() {
  woken_ = true;
  uint64_t one = 1;
  [[maybe_unused]] auto ignored = write(doorbell_.get(), &one, sizeof one);
  if (pid_t thread = thread_.load()) syscall(SYS_tgkill, getpid(), thread, wake_signal());
}

}  // namespace rollpoint::tracee
