// epoll(7) sets: their items, also those whose number now stands for something else, and which edges were still to be told.
// Items are keyed by open file description and number: they come back once all descriptors are in place.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/descriptors.h"
#include "resources/events_epoll_items.h"

namespace rollpoint::resources {

struct EpollSet {
  std::vector<EpollItem> items;
  bool ready = false;  // epoll_wait returns at once; read only where an item is edge-triggered
};

using EpollSets = std::map<int, EpollSet>;  // by `shares_with`

EpollSets read_epolls(tracee::Process& process, const DescriptorTable& table, util::Warnings& warnings);
util::UniqueFd create_epoll();
/// What could not be put back.
util::Warnings restore_epolls(tracee::Process& process, const DescriptorTable& table, const EpollSets& wanted);
std::vector<std::string> compare_epolls(tracee::Process& process, const EpollSets& wanted);

}  // namespace rollpoint::resources
