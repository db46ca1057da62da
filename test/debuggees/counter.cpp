// Counts ticks and keeps them in std containers: the debuggee for breakpoints, variables and snapshots.
// Usage: counter [ticks]; prints one line a tick, says how many there were on stderr, exits with 0.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Point {
  int x;
  double y;
};

struct Record {
  std::string name;
  Point at;
  std::vector<int> values;
};

int total = 0;

int add(int a, int b) {
  int sum = a + b; // @add
  return sum;
}

int main(int argc, char** argv) {
  const int last = argc > 1 ? std::atoi(argv[1]) : 10;
  int ticks = 0;
  std::string text = "start";
  std::vector<int> squares;
  std::map<std::string, int> byName;
  Record record{"record", {1, 2.5}, {7, 8, 9}};
  auto owned = std::make_unique<Point>(Point{3, 4.5});
  while (ticks < last) {
    ++ticks;
    total = add(total, ticks); // @sum
    squares.push_back(ticks * ticks);
    byName["tick" + std::to_string(ticks)] = ticks;
    text = "tick number " + std::to_string(ticks);
    record.at.x = ticks;
    owned->y += 1;
    std::printf("tick %d total %d\n", ticks, total); // @tick
    std::fflush(stdout);
  }
  std::fprintf(stderr, "done after %d ticks\n", ticks);
  std::printf("total %d\n", total); // @end
  return 0;
}
