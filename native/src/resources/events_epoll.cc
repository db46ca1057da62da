#include "resources/events_epoll.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::Process;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;

namespace {

constexpr uint32_t kPollable = 0xffff;  // poll(2) has 16 bits for events
constexpr uint32_t kAnything = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | kAlways;

std::optional<int> find_target(const DescriptorTable& table, const Identity& identity, const std::vector<EpollItem>& items, size_t index) {
  if (auto it = table.find(items[index].number); it != table.end() && identity.is(items, index, it->first)) return it->second.shares_with;
  for (auto& [number, descriptor] : table)
    if (descriptor.shares_with == number && descriptor.inode == items[index].inode && identity.is(items, index, number)) return number;
  return {};
}

bool has_edges(const EpollSet& set) { return std::any_of(set.items.begin(), set.items.end(), is_edge); }

/// What poll(2) says inside the program of `numbers`, which want `events`.
std::vector<uint32_t> poll_inside(RemoteSyscalls& remote, const std::vector<std::pair<int, uint32_t>>& wanted) {
  std::vector<uint32_t> result;
  const size_t most = remote.buffer_size() / sizeof(pollfd);
  for (size_t begin = 0; begin < wanted.size(); begin += most) {
    std::vector<pollfd> part;
    for (size_t i = begin; i < std::min(wanted.size(), begin + most); ++i)
      part.push_back({wanted[i].first, static_cast<short>(wanted[i].second & kPollable), 0});
    const uint64_t at = remote.put(part.data(), part.size() * sizeof(pollfd));
    remote.call(SYS_poll, at, part.size(), 0);
    remote.get(part.data(), part.size() * sizeof(pollfd));
    for (auto& one : part) result.push_back(static_cast<uint16_t>(one.revents));
  }
  return result;
}

// Fills `ready` of the sets that have edge-triggered items, and of these items.
void read_readiness(RemoteSyscalls& remote, EpollSets& sets) {
  std::vector<std::pair<int, uint32_t>> wanted;
  for (auto& [number, set] : sets) {
    if (!has_edges(set)) continue;
    wanted.push_back({number, EPOLLIN});
    for (auto& item : set.items)
      if (is_edge(item) && item.target) wanted.push_back({*item.target, item.events});
  }
  const auto said = poll_inside(remote, wanted);
  auto next = said.begin();
  for (auto& [number, set] : sets) {
    if (!has_edges(set)) continue;
    set.ready = *next++ & EPOLLIN;
    for (auto& item : set.items)
      if (is_edge(item) && item.target) item.ready = *next++;
  }
}

struct Change {
  int set = 0;
  int operation = 0;
  EpollItem item;
  int target = 0;  // where the description is open
};

/// Runs EPOLL_CTL_* inside the program.
class Control {
 public:
  Control(RemoteSyscalls& remote, const DescriptorTable& table, util::Warnings& left) : remote_(remote), table_(table), left_(left) {}

  void tell(int set, const EpollItem& item, const char* what) {
    left_.push_back({"epoll", "The item for descriptor " + std::to_string(item.number) + " of epoll set " + std::to_string(set) + " " + what});
  }

  void apply(const std::vector<Change>& changes, bool gone_is_fine) {
    const size_t most = remote_.buffer_size() / sizeof(epoll_event);
    for (size_t begin = 0; begin < changes.size(); begin += most) {
      const size_t end = std::min(changes.size(), begin + most);
      std::vector<epoll_event> events;
      for (size_t i = begin; i < end; ++i) {
        epoll_event event{};
        event.events = changes[i].item.events;
        event.data.u64 = changes[i].item.data;
        events.push_back(event);
      }
      const uint64_t base = remote_.put(events.data(), events.size() * sizeof(epoll_event));
      std::vector<RemoteCall> calls;
      std::vector<const Change*> of_call;
      auto flush = [&] {
        if (calls.empty()) return;
        remote_.batch(calls);
        for (size_t i = 0; i < calls.size(); ++i)
          if (calls[i].result < 0 && !(gone_is_fine && calls[i].result == -ENOENT)) tell(of_call[i]->set, of_call[i]->item, (std::string("could not be put back: ") + strerror(static_cast<int>(-calls[i].result)) + ".").c_str());
        calls.clear();
        of_call.clear();
      };
      for (size_t i = begin; i < end; ++i) {
        const auto& change = changes[i];
        calls.push_back({SYS_epoll_ctl, {static_cast<uint64_t>(change.set), static_cast<uint64_t>(change.operation), static_cast<uint64_t>(change.item.number), base + (i - begin) * sizeof(epoll_event)}});
        of_call.push_back(&change);
        if (is_in_place(change)) continue;
        // Alone, with the description at that number for the moment; the set itself may be what is open there.
        const RemoteCall call = calls.back();
        calls.pop_back();
        of_call.pop_back();
        flush();
        calls.push_back(call);
        of_call.push_back(&change);
        with_alias(change.target, change.item.number, [&](int64_t moved) {
          if (change.set == change.item.number && moved >= 0) calls.back().arguments[0] = static_cast<uint64_t>(moved);
          flush();
        });
      }
      flush();
    }
  }

  /// Whether the item's number stands for a file with locks now.
  bool costs_locks(const Change& change) const {
    const auto it = table_.find(change.item.number);
    return it != table_.end() && !is_in_place(change) && it->second.kind == DescriptorKind::kFile && it->second.locked;
  }

  /// Takes every event that the set has to tell, which uses up edges and disarms what fires once.
  std::vector<epoll_event> drain(int set) {
    const auto most = remote_.buffer_size() / sizeof(epoll_event);
    const auto count = remote_.call(SYS_epoll_wait, static_cast<uint64_t>(set), remote_.buffer(), most, 0);
    std::vector<epoll_event> events(count > 0 ? static_cast<size_t>(count) : 0);
    if (!events.empty()) remote_.get(events.data(), events.size() * sizeof(epoll_event));
    return events;
  }

  /// EPOLL_CTL_MOD tells an edge again where the file is ready, and arms what has fired.
  void rearm(const std::vector<Change>& items) {
    std::vector<Change> removals, rest;
    for (auto change : items) {
      const bool anew = change.item.events & EPOLLEXCLUSIVE;  // refused for these
      change.operation = EPOLL_CTL_DEL;
      if (anew) removals.push_back(change);
      change.operation = anew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
      rest.push_back(change);
    }
    apply(removals, true);
    apply(rest, false);
  }

 private:
  // The kernel looks up an item by what is open at its number now.
  bool is_in_place(const Change& change) const {
    const auto it = table_.find(change.item.number);
    return it != table_.end() && it->second.shares_with == change.target;
  }

  // `work` gets the number at which what was open there is meanwhile, or -1.
  // Closing a number releases the program's locks on a file that it stands for: file locks are restored after this.
  template <class Work>
  void with_alias(int target, int number, Work work) {
    const auto it = table_.find(number);
    const bool occupied = it != table_.end();
    const auto at = static_cast<uint64_t>(number);
    const int64_t saved = occupied ? remote_.call(SYS_fcntl, at, F_DUPFD_CLOEXEC, 0) : -1;
    const bool placed = (!occupied || saved >= 0) && remote_.call(SYS_dup3, static_cast<uint64_t>(target), at, O_CLOEXEC) >= 0;
    work(saved);
    if (placed && !occupied) remote_.call(SYS_close, at);
    if (placed && occupied) remote_.require("dup3", SYS_dup3, static_cast<uint64_t>(saved), at, static_cast<uint64_t>(it->second.flags & O_CLOEXEC));
    if (saved >= 0) remote_.call(SYS_close, static_cast<uint64_t>(saved));
  }

  RemoteSyscalls& remote_;
  const DescriptorTable& table_;
  util::Warnings& left_;
};

// Which edges are still to be told can only be seen by taking them; they are made anew at once.
void read_pending(const Process& process, Control& control, int number, EpollSet& set) {
  // Reaching an item under a number that stands for a locked file now would release the lock (see with_alias): in doubt an
  // edge is to be told.
  const bool costly = std::any_of(set.items.begin(), set.items.end(), [&](auto& item) { return item.target && control.costs_locks({number, 0, item, *item.target}); });
  for (auto& item : set.items) item.pending = costly && is_edge(item) && item.ready;
  if (costly) return;
  std::set<uint64_t> told;
  for (auto& event : control.drain(number)) told.insert(event.data.u64);
  const Fired fired(process, number);
  std::vector<Change> rearm;
  for (auto& item : set.items) {
    if (!item.target || is_fired(item.events)) continue;
    item.pending = is_edge(item) && item.ready && told.contains(item.data);
    if (item.pending || ((item.events & EPOLLONESHOT) && fired.contains(item))) rearm.push_back({number, 0, item, *item.target});
  }
  control.rearm(rearm);
}

class Restorer {
 public:
  Restorer(Process& process, const DescriptorTable& table, const EpollSets& wanted) : process_(process), table_(table), wanted_(wanted), remote_(process), control_(remote_, table, left_) {}

  util::Warnings run() {
    for (auto& [number, set] : wanted_) plan(number, set);
    // All that goes first: what is to come may not fit beside it (sets that contain one another).
    control_.apply(removals_, true);
    control_.apply(additions_, false);
    for (int number : inner_first()) restore_edges(number, wanted_.at(number));
    return std::move(left_);
  }

 private:
  // Which items go, come or change.
  void plan(int number, const EpollSet& set) {
    const auto now = read_items(process_, number);
    const Identity identity(process_, number, now);
    std::multimap<int, size_t> by_number;
    for (size_t i = 0; i < now.size(); ++i) by_number.emplace(now[i].number, i);
    std::vector<bool> claimed(now.size());
    for (auto& item : set.items) {
      std::optional<size_t> there;
      for (auto [it, end] = by_number.equal_range(item.number); it != end && !there; ++it) {
        const size_t i = it->second;
        if (claimed[i]) continue;
        if (item.target ? identity.is(now, i, *item.target) : now[i].inode == item.inode && now[i].data == item.data && !find_target(table_, identity, now, i)) there = i;
      }
      if (there) claimed[*there] = true;
      if (!item.target) {
        if (!there) control_.tell(number, item, "was removed since, and only another process has its file open: it does not come back.");
        continue;
      }
      if (there && now[*there].events == item.events && now[*there].data == item.data) continue;
      const bool anew = there && ((now[*there].events | item.events) & EPOLLEXCLUSIVE);  // EPOLL_CTL_MOD refuses these
      if (anew) removals_.push_back({number, EPOLL_CTL_DEL, item, *item.target});
      auto wanted = item;
      // It is made to fire further on, whatever its file is ready for.
      if (is_fired(item.events)) wanted.events |= kAnything;
      additions_.push_back({number, there && !anew ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, wanted, *item.target});
    }
    for (size_t i = 0; i < now.size(); ++i) {
      if (claimed[i]) continue;
      const auto target = find_target(table_, identity, now, i);
      if (target) removals_.push_back({number, EPOLL_CTL_DEL, now[i], *target});
      else control_.tell(number, now[i], "was added since, and only another process has its file open: it stays.");
    }
  }

  std::vector<int> inner_first() const {
    std::vector<int> order;
    std::set<int> seen;
    auto visit = [&](auto& self, int number) -> void {
      if (!seen.insert(number).second) return;
      for (auto& item : wanted_.at(number).items)
        if (item.target && wanted_.contains(*item.target)) self(self, *item.target);
      order.push_back(number);
    };
    for (auto& [number, set] : wanted_) visit(visit, number);
    return order;
  }

  // Neither edges that are still to be told nor those told already can be set: all are used up here, and the former made
  // anew. An edge too many is harmless to a program, one too few hangs it: in doubt it is told.
  void restore_edges(int number, const EpollSet& set) {
    const bool edges = has_edges(set);
    std::set<int> to_fire;
    for (auto& change : additions_)
      if (change.set == number && is_nearly_or_wanted_fired(set, change.item)) to_fire.insert(change.item.number);
    if (!edges && to_fire.empty()) return;
    control_.drain(number);
    if (!to_fire.empty()) finish_firing(number, set);
    EpollSets now{{number, set}};
    if (edges) read_readiness(remote_, now);
    const Fired fired(process_, number);
    std::vector<Change> rearm;
    for (size_t i = 0; i < set.items.size(); ++i) {
      const auto& item = set.items[i];
      if (!item.target || is_fired(item.events)) continue;
      // What came in since from elsewhere is an edge too.
      const bool edge = is_edge(item) && (item.pending || (now.at(number).items[i].ready & ~item.ready));
      if (edge || ((item.events & EPOLLONESHOT) && fired.contains(item))) rearm.push_back({number, 0, item, *item.target});
    }
    control_.rearm(rearm);
  }

  static bool is_nearly_or_wanted_fired(const EpollSet& set, const EpollItem& added) {
    return (added.events & kAnything) == kAnything &&
           std::any_of(set.items.begin(), set.items.end(), [&](const EpollItem& item) { return is_fired(item.events) && item.number == added.number && item.data == added.data; });
  }

  // Items that should have fired and have not, since their file was ready for nothing.
  void finish_firing(int number, const EpollSet& set) {
    const auto live = read_items(process_, number);
    const Identity identity(process_, number, live);
    for (auto& item : set.items) {
      if (!is_fired(item.events) || !item.target) continue;
      for (size_t i = 0; i < live.size(); ++i) {
        if (live[i].number != item.number || is_fired(live[i].events) || !identity.is(live, i, *item.target)) continue;
        if (fire_pipe(number, *item.target)) continue;
        control_.apply({{number, EPOLL_CTL_MOD, item, *item.target}}, false);
        control_.tell(number, item, "had fired once and comes back as good as that: should the other side hang up, it tells so.");
      }
    }
  }

  // The reading end of an empty pipe: a byte goes through it.
  bool fire_pipe(int set, int target) {
    const auto it = table_.find(target);
    if (it == table_.end() || it->second.kind != DescriptorKind::kPipe || (it->second.flags & O_ACCMODE) != O_RDONLY) return false;
    const auto reader = borrow(process_, target);
    int unread = 0;
    if (!reader || ioctl(reader.get(), FIONREAD, &unread) < 0 || unread != 0) return false;
    const util::UniqueFd writer(open(("/proc/self/fd/" + std::to_string(reader.get())).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    char byte = 0;
    if (!writer || write(writer.get(), &byte, 1) != 1) return false;
    control_.drain(set);
    return read(reader.get(), &byte, 1) == 1;
  }

  Process& process_;
  const DescriptorTable& table_;
  const EpollSets& wanted_;
  util::Warnings left_;
  RemoteSyscalls remote_;
  Control control_;
  std::vector<Change> removals_, additions_;
};

}  // namespace

EpollSets read_epolls(Process& process, const DescriptorTable& table, util::Warnings& warnings) {
  EpollSets sets;
  bool edges = false;
  for (auto& [number, descriptor] : table) {
    if (descriptor.shares_with != number || descriptor.target != "anon_inode:[eventpoll]") continue;
    auto& set = sets[number];
    set.items = read_items(process, number);
    const Identity identity(process, number, set.items);
    for (size_t i = 0; i < set.items.size(); ++i) set.items[i].target = find_target(table, identity, set.items, i);
    edges = edges || has_edges(set);
  }
  if (edges) {
    RemoteSyscalls remote(process);
    read_readiness(remote, sets);
    Control control(remote, table, warnings);
    for (auto& [number, set] : sets)
      if (set.ready && std::any_of(set.items.begin(), set.items.end(), [](auto& item) { return is_edge(item) && item.ready; })) read_pending(process, control, number, set);
  }
  return sets;
}

util::UniqueFd create_epoll() { return util::UniqueFd(epoll_create1(EPOLL_CLOEXEC)); }

util::Warnings restore_epolls(Process& process, const DescriptorTable& table, const EpollSets& wanted) {
  if (wanted.empty()) return {};
  return Restorer(process, table, wanted).run();
}

std::vector<std::string> compare_epolls(Process& process, const EpollSets& wanted) {
  std::vector<std::string> result;
  for (auto& [number, set] : wanted) {
    const auto now = read_items(process, number);
    const Identity identity(process, number, now);
    size_t same = 0;
    for (auto& item : set.items)
      for (size_t i = 0; i < now.size(); ++i)
        if (now[i].number == item.number && now[i].data == item.data && (now[i].events == item.events || (is_fired(item.events) && is_nearly_fired(now[i].events))) && (!item.target || identity.is(now, i, *item.target))) {
          ++same;
          break;
        }
    if (same != set.items.size() || now.size() != set.items.size()) result.push_back("the items of epoll set " + std::to_string(number) + " differ");
  }
  return result;
}

}  // namespace rollpoint::resources
