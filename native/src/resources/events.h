// All kinds of event descriptors as one: what they hold, making closed ones anew, putting their state back.
// Which numbers they are open at is the descriptor table's business.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "resources/events_epoll.h"
#include "resources/events_eventfd.h"
#include "resources/events_foreign.h"
#include "resources/events_inotify.h"
#include "resources/events_memfd.h"
#include "resources/events_pidfd.h"
#include "resources/events_timerfd.h"

namespace rollpoint::resources {

/// Each by the lowest number of its open file description, memory files by inode.
struct Events {
  std::map<int, EventCounter> counters;
  std::map<int, TimerDescriptor> timers;
  std::map<int, uint64_t> signal_masks;
  std::map<int, PidfdTarget> pidfds;
  Inotifies inotifies;
  EpollSets epolls;
  Memfds memfds;
  Rings rings;
  AioContexts aio;
};

Events read_events(tracee::Process& process, const DescriptorTable& table, const Events* before, util::Warnings& warnings);
/// Sentences that say why this state cannot be put back. Changes nothing.
std::vector<std::string> event_obstacles(const tracee::Process& process, const DescriptorTable& table, const Events& wanted);
/// See Recreate and Recognise.
util::UniqueFd recreate_event(const Events& wanted, const Descriptor& descriptor);
Likeness recognise_event(const tracee::Process& process, int number, const Events& wanted, const Descriptor& descriptor);
/// Once the descriptor table is back. What could not be put back.
util::Warnings restore_events(tracee::Process& process, const DescriptorTable& table, const Events& wanted);
/// Once files, pipes and sockets are back too, whose restoring makes events. Before file locks.
util::Warnings restore_watchers(tracee::Process& process, const DescriptorTable& table, const Events& wanted);
/// In words, how the live state differs. Timers run on and are not compared.
std::vector<std::string> compare_events(tracee::Process& process, const Events& wanted);

}  // namespace rollpoint::resources
