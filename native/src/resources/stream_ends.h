// Duplicates of pipe ends and sockets, taken for the moment of a capture or a rollback: while the program runs they would
// hide closed ends from it. What passes through them is not the business of this file.
#pragma once

#include <map>
#include <set>
#include <span>
#include <vector>

#include "resources/descriptors.h"

namespace rollpoint::resources {

/// A process of the tree with its descriptor table: the live one at a capture, the wanted one at a rollback.
struct Holder {
  tracee::Process* process;
  const DescriptorTable* table;
};
using Holders = std::span<const Holder>;

struct StreamEnd {
  ObjectKey key;
  DescriptorKind kind;
  size_t holder;  // index
  int number;
  int flags;  // of open(2)
  util::UniqueFd fd;
};

/// Of a descriptor of the program; empty where that fails.
util::UniqueFd duplicate_of(const tracee::Process& process, int number);
util::UniqueFd duplicate_of(const util::UniqueFd& ours);
ObjectKey key_of(int fd);
/// Of what is open in our own process.
std::set<ObjectKey> own_objects();
/// Pipes and sockets at 0 to 2 that are open in our own process too: our streams as much as the program's.
std::set<ObjectKey> shared_with_us(Holders holders);
/// All that are open now in these processes, whatever their tables were. Those of `wanted` only.
std::vector<StreamEnd> live_ends(Holders holders, DescriptorKind kind, const std::set<ObjectKey>& wanted);
/// Sockets that are open now and of which none of the tables knows.
std::vector<StreamEnd> surplus_sockets(Holders holders);
std::map<ObjectKey, std::vector<StreamEnd*>> by_key(std::vector<StreamEnd>& ends);
/// "descriptor 5", "descriptors 5 and 7".
std::string name_numbers(Holders holders, const SharedIdentity& identity);

}  // namespace rollpoint::resources
