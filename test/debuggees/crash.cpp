// A thread writes through a null pointer: stops with SIGSEGV at @crash while main waits to join it.
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
  Node second{nullptr, 2};
  Node first{&second, 1};
  std::puts("before the crash"); // @before
  std::thread walker([&first] { walk(&first, 2); });
  walker.join();
  std::puts("not reached");
  return 0;
}
