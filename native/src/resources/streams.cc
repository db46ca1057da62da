#include "resources/streams.h"

#include <fcntl.h>

#include "resources/descriptor_owners.h"

namespace rollpoint::resources {

Streams read_streams(Holders holders, util::Warnings& warnings) {
  return {.pipes = read_pipes(holders, warnings), .sockets = read_sockets(holders, warnings), .files = find_shared_files(holders)};
}

util::UniqueFd StreamsRollback::recreate(size_t holder, const Descriptor& wanted) {
  if (wanted.kind == DescriptorKind::kPipe) return pipes_.recreate(holder, wanted);
  if (wanted.kind == DescriptorKind::kSocket) return sockets_.recreate(wanted);
  return util::UniqueFd();
}

util::Warnings StreamsRollback::finish() {
  // What is put into them arrives, and would be told by a signal.
  std::vector<Unheard> unheard;
  for (auto& holder : holders_)
    for (auto& [number, descriptor] : *holder.table)
      if (descriptor.is_stream() && descriptor.shares_with == number && descriptor.flags & O_ASYNC) unheard.emplace_back(*holder.process, number);
  auto left = pipes_.finish();
  for (auto& warning : sockets_.finish()) left.push_back(std::move(warning));
  return left;
}

util::Warnings passed_outside(Holders holders, const Streams& since) {
  auto left = passed_outside(holders, since.pipes);
  for (auto& sentence : passed_outside(holders, since.sockets)) left.push_back({"connection", std::move(sentence)});
  return left;
}

std::vector<std::string> compare_streams(Holders holders, const Streams& wanted) {
  auto result = compare_pipes(holders, wanted.pipes);
  for (auto& sentence : compare_sockets(holders, wanted.sockets)) result.push_back(std::move(sentence));
  return result;
}

}  // namespace rollpoint::resources
