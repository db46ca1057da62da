#include "resources/events_epoll_items.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "resources/fdinfo.h"

namespace rollpoint::resources {

using tracee::Process;

std::vector<EpollItem> read_items(const Process& process, int set) {
  std::vector<EpollItem> items;
  FdInfo(process, set).lines("tfd:", [&](const char* line) {
    EpollItem item;
    unsigned long long data = 0;
    unsigned long inode = 0;
    if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%lx", &item.number, &item.events, &data, &inode) != 4) return;
    item.data = data;
    item.inode = inode;
    items.push_back(item);
  });
  return items;
}

Identity::Identity(const Process& process, int set, const std::vector<EpollItem>& items) : process_(process), set_(set) {
  std::map<int, unsigned> count;
  for (auto& item : items) nth_.push_back(count[item.number]++);
}

bool Identity::is(const std::vector<EpollItem>& items, size_t index, int number) const {
  // struct kcmp_epoll_slot: of several items with one number, the nth.
  const kcmp_epoll_slot slot{static_cast<uint32_t>(set_), static_cast<uint32_t>(items[index].number), nth_[index]};
  return syscall(SYS_kcmp, process_.pid(), process_.pid(), KCMP_EPOLL_TFD, number, &slot) == 0;
}

Fired::Fired(const Process& process, int set) : live_(read_items(process, set)), identity_(process, set, live_) {
  for (size_t i = 0; i < live_.size(); ++i)
    if (is_fired(live_[i].events)) fired_.emplace(live_[i].number, i);
}

bool Fired::contains(const EpollItem& item) const {
  for (auto [it, end] = fired_.equal_range(item.number); it != end; ++it)
    if (identity_.is(live_, it->second, *item.target)) return true;
  return false;
}

}  // namespace rollpoint::resources
