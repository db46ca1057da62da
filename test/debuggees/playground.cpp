// One corner after another for the tests of the session: a first argument picks which.
// Parts: hits, types, steps, throws, spin, signal, deep, plugin FILE, wait.
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

std::atomic<long> spins{0};
int watched = 0;
double ratio = 0.5;
std::uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

namespace shapes {
struct Shape {
  int id = 7;
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : Shape {
  double side;
  explicit Square(double s) : side(s) {}
  double area() const override { return side * side; }  // @area
};
}  // namespace shapes

template <typename T>
T twice(T value) {
  return value + value;  // @twice
}

static void hits() {
  std::string word = "go";
  for (int i = 1; i <= 10; ++i) {
    word += 'o';
    watched += i;  // @hit
    ratio *= 2;
  }
  std::printf("hits %d\n", watched);  // @hitsEnd
}

static void types() {
  int x = 1;
  std::vector<int> numbers;
  for (int i = 0; i < 2500; ++i) numbers.push_back(i * 2);
  std::vector<std::vector<int>> rows{{1, 2}, {3}};
  std::map<std::string, std::vector<int>> byName{{"a", {1}}, {"b", {2, 3}}};
  std::unordered_map<int, std::string> texts{{1, "one"}};
  std::set<int> unique{3, 1, 2};
  std::deque<int> queue{4, 5};
  std::list<int> chain{6, 7};
  std::array<int, 3> fixed{{8, 9, 10}};
  std::pair<int, std::string> both{11, "eleven"};
  std::tuple<int, double> triple{12, 1.5};
  std::optional<int> maybe = 13;
  std::variant<int, std::string> either = std::string("fourteen");
  auto shared = std::make_shared<std::string>("shared");
  std::unique_ptr<shapes::Shape> shape = std::make_unique<shapes::Square>(3);
  std::string unicode = "gr\xc3\xbc\xc3\x9f \xe2\x86\x92 \"quoted\"";
  int plain[4] = {1, 2, 3, 4};
  static int large[5000];
  for (int i = 0; i < 5000; ++i) large[i] = i;
  const char* text = "plain text";
  int& reference = x;
  bool flag = true;
  char letter = 'q';
  {
    int x = 2;
    {
      int x = 3;
      std::printf("types %d %s\n", x, text);  // @types
    }
    x = 4;
  }
  std::printf("%d %d %zu %d %c\n", reference, flag, numbers.size(), plain[0], letter);  // @typesEnd
}

static void slowly() {
  for (int i = 0; i < 30; ++i) usleep(20000);
}

static void steps() {
  int value = 1;
  value = twice(value);  // @first
  value = twice(value);  // @second
  slowly();              // @slow
  value += 1;            // @afterSlow
  shapes::Square square(2);
  std::printf("steps %d %.1f\n", value, square.area());  // @stepsEnd
}

static void throws() {
  try {
    throw std::runtime_error("thrown on purpose");  // @throw
  } catch (const std::exception& error) {
    std::printf("caught %s\n", error.what());  // @caught
  }
}

static void spin() {
  std::thread other([] {
    pthread_setname_np(pthread_self(), "spinner");
    for (;;) {
      usleep(1000);
      ++spins;  // @spin
    }
  });
  other.join();
}

static void onTerm(int) {
  const char words[] = "cleaned up\n";
  (void)!write(1, words, sizeof words - 1);
  _exit(9);
}

static int deep(int depth) {
  if (depth == 0) {
    return 1;  // @bottom
  }
  return 1 + deep(depth - 1);
}

static void plugin(const char* path) {
  std::puts("before the plugin");  // @beforePlugin
  std::fflush(stdout);
  void* library = dlopen(path, RTLD_NOW);
  auto* function = library ? reinterpret_cast<int (*)(int)>(dlsym(library, "plugged")) : nullptr;
  std::printf("plugged %d\n", function ? function(20) : -1);
}

int main(int argc, char** argv) {
  std::string part = argc > 1 ? argv[1] : "";
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (part == "hits") hits();
  if (part == "types") types();
  if (part == "steps") steps();
  if (part == "throws") throws();
  if (part == "spin") spin();
  if (part == "signal") std::raise(SIGUSR1);  // @raise
  if (part == "deep") std::printf("deep %d\n", deep(500));
  if (part == "plugin" && argc > 2) plugin(argv[2]);
  if (part == "term") std::signal(SIGTERM, onTerm);
  if (part == "wait" || part == "term") {
    std::puts("waiting");
    for (;;) pause();
  }
  return 3;  // @return
}
