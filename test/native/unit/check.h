// What the native unit tests share: a check that says where it failed, test registration, fixed-seed randomness.
// Knows nothing of what is tested.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace check {

inline void fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, what.c_str());
  std::exit(1);
}

#define CHECK(condition) \
  do { \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition); \
  } while (0)

#define CHECK_THROWS(expression) \
  do { \
    bool threw = false; \
    try { \
      (void)(expression); \
    } catch (const std::exception&) { \
      threw = true; \
    } \
    if (!threw) check::fail(__FILE__, __LINE__, #expression " throws"); \
  } while (0)

/// Deterministic (splitmix64), so that a failure can be repeated.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t limit) { return next() % limit; }

 private:
  uint64_t state_;
};

using Tests = std::vector<std::pair<const char*, std::function<void()>>>;

/// Runs all in order; prints "ok name" for each, ends the program at the first that fails.
inline int run(const Tests& tests) {
  for (const auto& [name, body] : tests) {
    try {
      body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: threw: %s\n", name, error.what());
      return 1;
    }
    std::printf("ok %s\n", name);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace check
