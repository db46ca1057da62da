// Three threads that live all the time and pass through one function, one after the other, again and again.
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

static std::mutex mutex;
static std::condition_variable changed;
static int ready = 0;
static int turn = 0;
static int total = 0;

__attribute__((noinline)) static void carry(int load) {
  total += load;  // @carry
}

static void porter(int number) {
  std::unique_lock<std::mutex> lock(mutex);
  ++ready;
  changed.notify_all();
  for (int round = 0; round < 4; ++round) {
    changed.wait(lock, [&] { return ready == 3 && turn % 3 == number; });
    carry(10 * round + number);
    ++turn;
    changed.notify_all();
  }
}

int main() {
  std::vector<std::thread> porters;
  for (int number = 0; number < 3; ++number) porters.emplace_back(porter, number);
  for (std::thread& each : porters) each.join();
  return total == 192 ? 0 : 1;  // @joined
}
