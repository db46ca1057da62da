// One helper thread for a computation that runs beside its caller: started, then waited for.
// What it runs may make no ptrace call.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace rollpoint::util {

class Background {
 public:
  Background() : thread_([this] { run(); }) {}
  ~Background() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Background(const Background&) = delete;

  /// One at a time: waits for the one before, whose failure is lost.
  void start(std::function<void()> work) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !busy_; });
      work_ = std::move(work);
      failure_ = nullptr;
      busy_ = true;
    }
    changed_.notify_all();
  }
  /// Throws what the work threw.
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !busy_; });
    if (auto failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return quit_ || work_; });
      if (!work_) return;
      auto work = std::exchange(work_, nullptr);
      lock.unlock();
      std::exception_ptr failure;
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      failure_ = failure;
      busy_ = false;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  std::exception_ptr failure_;
  bool busy_ = false, quit_ = false;
  std::thread thread_;
};

/// Waits at the end of its scope, also when an exception leaves it: the work refers to the caller's variables.
class Beside {
 public:
  Beside(Background& background, std::function<void()> work) : background_(background) { background_.start(std::move(work)); }
  ~Beside() {
    if (waited_) return;
    try {
      background_.wait();
    } catch (...) {
      // The exception under way is the one to tell.
    }
  }
  void wait() {
    waited_ = true;
    background_.wait();
  }

 private:
  Background& background_;
  bool waited_ = false;
};

}  // namespace rollpoint::util
