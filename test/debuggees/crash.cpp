// A thread writes through a null pointer: stops with SIGSEGV in walk while main waits to join it.
#include <sys/resource.h>

#include <cstdio>
#include <thread>

struct Node {
  Node* next;
  int value;
};

static void walk(Node* node, int steps) {
  for (int i = 0; i < steps; ++i) {
    node = node->next;
  }
  node->value = 42; // @crash
}

int main() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  Node second{nullptr, 2};
  Node first{&second, 1};
  std::puts("before the crash"); // @before
  std::thread walker([&first] { walk(&first, 2); });
  walker.join();
  std::puts("not reached");
  return 0;
}
