#include "resources/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iterator>
#include <optional>
#include <string_view>

#include "resources/events_signalfd.h"
#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::Process;

namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// A number that could not be given back is told by the descriptor table.
bool is_open_on(const Process& process, int number, const Descriptor& descriptor) {
  char target[64];
  const ssize_t length = readlink(("/proc/" + std::to_string(process.pid()) + "/fd/" + std::to_string(number)).c_str(), target, sizeof target);
  return length > 0 && std::string_view(target, static_cast<size_t>(length)) == descriptor.target;
}

void tell(util::Warnings& left, const char* kind, const char* name, int number, const std::optional<std::string>& why) {
  if (why) left.push_back({kind, std::string("The ") + name + " at descriptor " + std::to_string(number) + " is not as it was: " + *why + "."});
}

}  // namespace

Events read_events(Process& process, const DescriptorTable& table, const Events* before, util::Warnings& warnings) {
  Events events;
  bool any = false, memfds = false, others = false;
  for (auto& [number, descriptor] : table) {
    memfds = memfds || is_memfd(descriptor);
    others = others || descriptor.kind == DescriptorKind::kOther;
    if (descriptor.kind != DescriptorKind::kEvent) continue;
    any = true;
    if (descriptor.shares_with != number) continue;
    if (descriptor.target == "anon_inode:[eventfd]") events.counters[number] = read_eventfd(process, number);
    else if (descriptor.target == "anon_inode:[timerfd]") events.timers[number] = read_timerfd(process, number);
    else if (descriptor.target == "anon_inode:[signalfd]") events.signal_masks[number] = read_signalfd(process, number);
    else if (descriptor.target == "anon_inode:[pidfd]") events.pidfds[number] = read_pidfd(process, number);
  }
  if (memfds) events.memfds = read_memfds(process, table, before ? &before->memfds : nullptr, warnings);
  events.aio = read_aio(process, warnings);
  if (any) {
    events.inotifies = read_inotifies(process, table, before ? &before->inotifies : nullptr, warnings);
    events.epolls = read_epolls(process, table, warnings);
  }
  if (any || others) events.rings = read_foreign(process, table, warnings);
  return events;
}

std::vector<std::string> event_obstacles(const Process& process, const DescriptorTable& table, const Events& wanted) {
  return ring_obstacles(process, table, wanted.rings);
}

util::UniqueFd recreate_event(const Events& wanted, const Descriptor& descriptor) {
  const int key = descriptor.shares_with;
  if (auto it = wanted.counters.find(key); it != wanted.counters.end()) return create_eventfd(it->second, descriptor.flags);
  if (auto it = wanted.timers.find(key); it != wanted.timers.end()) return create_timerfd(it->second, descriptor.flags);
  if (auto it = wanted.signal_masks.find(key); it != wanted.signal_masks.end()) return create_signalfd(it->second, descriptor.flags);
  if (auto it = wanted.pidfds.find(key); it != wanted.pidfds.end()) return create_pidfd(it->second, descriptor.flags);
  if (wanted.inotifies.contains(key)) return create_inotify(descriptor.flags);
  if (wanted.epolls.contains(key)) return create_epoll();
  return {};
}

Likeness recognise_event(const Process& process, int number, const Events& wanted, const Descriptor& descriptor) {
  const int key = descriptor.shares_with;
  if (auto it = wanted.counters.find(key); it != wanted.counters.end()) return recognise_eventfd(process, number, it->second);
  if (auto it = wanted.timers.find(key); it != wanted.timers.end()) return recognise_timerfd(process, number, it->second);
  if (auto it = wanted.pidfds.find(key); it != wanted.pidfds.end()) return recognise_pidfd(process, number, it->second);
  if (wanted.signal_masks.contains(key) || wanted.inotifies.contains(key) || wanted.epolls.contains(key)) return Likeness::kAlike;
  // Others stay as they are, and some have an inode of their own to be told by.
  struct stat info {};
  const std::string path = "/proc/" + std::to_string(process.pid()) + "/fd/" + std::to_string(number);
  return stat(path.c_str(), &info) == 0 && info.st_ino == descriptor.inode ? Likeness::kSame : Likeness::kOther;
}

util::Warnings restore_events(Process& process, const DescriptorTable& table, const Events& wanted) {
  util::Warnings left;
  for (auto& [number, descriptor] : table)
    if (descriptor.kind == DescriptorKind::kEvent && descriptor.shares_with == number && is_open_on(process, number, descriptor) && ((FdInfo(process, number).number("flags", 8) ^ static_cast<uint64_t>(descriptor.flags)) & O_NONBLOCK))
      if (const auto fd = borrow(process, number)) set_status_flags(fd.get(), descriptor.flags);
  auto is_there = [&](int number) { return is_open_on(process, number, table.at(number)); };
  for (auto& [number, counter] : wanted.counters)
    if (is_there(number)) tell(left, "eventfd", "counter (eventfd)", number, restore_eventfd(process, number, counter));
  for (auto& [number, timer] : wanted.timers)
    if (is_there(number)) tell(left, "timerfd", "timer (timerfd)", number, restore_timerfd(process, number, timer));
  for (auto& [number, mask] : wanted.signal_masks)
    if (is_there(number)) tell(left, "signalfd", "signal descriptor (signalfd)", number, restore_signalfd(process, number, mask));
  append(left, restore_memfds(process, wanted.memfds));
  append(left, restore_foreign(process, table, wanted.aio));
  return left;
}

util::Warnings restore_watchers(Process& process, const DescriptorTable& table, const Events& wanted) {
  auto left = restore_inotifies(process, wanted.inotifies);
  append(left, restore_epolls(process, table, wanted.epolls));
  return left;
}

std::vector<std::string> compare_events(Process& process, const Events& wanted) {
  std::vector<std::string> result;
  for (auto& [number, counter] : wanted.counters) {
    const auto now = read_eventfd(process, number);
    if (now.count != counter.count || now.semaphore != counter.semaphore) result.push_back("the counter (eventfd) at descriptor " + std::to_string(number) + " differs");
  }
  for (auto& [number, mask] : wanted.signal_masks)
    if (read_signalfd(process, number) != mask) result.push_back("the signals of the signalfd at descriptor " + std::to_string(number) + " differ");
  append(result, compare_inotifies(process, wanted.inotifies));
  append(result, compare_epolls(process, wanted.epolls));
  append(result, compare_memfds(process, wanted.memfds));
  return result;
}

}  // namespace rollpoint::resources
