// A small warehouse. Three clerks carry out the orders of the day.
// In the evening the audit finds goods missing: one order lost them.
// By then it is long over. Roll back to it.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct Order {
  int number;
  std::string goods;
  int pieces;  // positive: delivered to us; negative: sold
};

struct Shelf {
  int pieces = 0;
  int room = 60;
};

class Warehouse {
 public:
  // Whichever clerk has it, an order is carried out when its turn has come.
  void carry_out(const Order& order) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return order.number == next_; });
    Shelf& shelf = shelves_[order.goods];
    int wanted = shelf.pieces + order.pieces;
    shelf.pieces = std::min(wanted, shelf.room);  // break here: once per order
    booked_ += order.pieces;
    history_.push_back(order);
    ++next_;
    turn_.notify_all();
  }

  int booked() const { return booked_; }

  int found() const {
    int sum = 0;
    for (const auto& [goods, shelf] : shelves_) sum += shelf.pieces;
    return sum;
  }

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  int next_ = 1;
  std::map<std::string, Shelf> shelves_;
  std::vector<Order> history_;
  int booked_ = 0;
};

class OrderBook {
 public:
  void add(Order order) {
    std::lock_guard lock(mutex_);
    orders_.push_back(std::move(order));
    changed_.notify_one();
  }

  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // False at the end of the day.
  bool take(Order& order) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !orders_.empty(); });
    if (orders_.empty()) return false;
    order = orders_.front();
    orders_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  bool closed_ = false;
};

void clerk(Warehouse& warehouse, OrderBook& book) {
  Order order;
  while (book.take(order)) warehouse.carry_out(order);
}

int audit(const Warehouse& warehouse) {
  int booked = warehouse.booked();
  int found = warehouse.found();
  int missing = booked - found;
  std::printf("audit: %d booked, %d found, %d missing\n", booked, found, missing);  // and here, in the evening
  return missing == 0 ? 0 : 1;
}

int main() {
  Warehouse warehouse;
  OrderBook book;

  std::vector<std::thread> clerks;
  for (int i = 0; i < 3; ++i) clerks.emplace_back(clerk, std::ref(warehouse), std::ref(book));

  const std::vector<Order> day = {
      {1, "bolts", 40}, {2, "nuts", 55},  {3, "bolts", -15}, {4, "washers", 30},
      {5, "bolts", 45}, {6, "nuts", -20}, {7, "bolts", -10}, {8, "washers", 12},
  };
  for (const Order& order : day) {
    book.add(order);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  book.close();
  for (std::thread& thread : clerks) thread.join();
  return audit(warehouse);
}
