// The items of an epoll set as the kernel lists them, and of which open file description each is.
// Changes nothing.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "tracee/process.h"

namespace rollpoint::resources {

struct EpollItem {
  int number = 0;  // as it was when it was added
  uint32_t events = 0;
  uint64_t data = 0;
  ino_t inode = 0;
  /// The description, by its lowest number in the table; none where only another process has it open.
  std::optional<int> target;
  /// What poll(2) said of it; read only for edge-triggered items.
  uint32_t ready = 0;
  /// Edge-triggered, and the edge is still to be told.
  bool pending = false;
};

// Bits that say how, not what for (fs/eventpoll.c, EP_PRIVATE_BITS).
inline constexpr uint32_t kManner = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
inline constexpr uint32_t kAlways = EPOLLERR | EPOLLHUP;

/// A one-shot item that has fired: it says nothing until it is armed again, not even that the other side is gone.
inline bool is_fired(uint32_t events) { return (events & EPOLLONESHOT) && !(events & ~kManner); }
/// What comes nearest without its firing: the kernel adds the two itself.
inline bool is_nearly_fired(uint32_t events) { return (events & EPOLLONESHOT) && !(events & ~kManner & ~kAlways); }
inline bool is_edge(const EpollItem& item) { return (item.events & EPOLLET) && !is_fired(item.events); }

/// Without targets and readiness, in the kernel's order.
std::vector<EpollItem> read_items(const tracee::Process& process, int set);

/// Answers which description the items of one set stand for. `items` as read just now, in the kernel's order.
class Identity {
 public:
  Identity(const tracee::Process& process, int set, const std::vector<EpollItem>& items);
  /// Whether the item at `index` is of the description that is open at `number`.
  bool is(const std::vector<EpollItem>& items, size_t index, int number) const;

 private:
  const tracee::Process& process_;
  int set_;
  std::vector<unsigned> nth_;
};

/// Of the items of a set, which have fired once.
class Fired {
 public:
  Fired(const tracee::Process& process, int set);
  /// `item` must have a target.
  bool contains(const EpollItem& item) const;

 private:
  std::vector<EpollItem> live_;
  Identity identity_;
  std::multimap<int, size_t> fired_;
};

}  // namespace rollpoint::resources
