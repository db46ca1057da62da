#include "resources/streams.h"

namespace rollpoint::resources {

Streams read_streams(Holders holders, util::Warnings& warnings) { return {.pipes = read_pipes(holders, warnings)}; }

util::UniqueFd StreamsRollback::recreate(size_t holder, const Descriptor& wanted) {
  if (wanted.kind == DescriptorKind::kPipe) return pipes_.recreate(holder, wanted);
  return util::UniqueFd();
}

std::vector<std::string> compare_streams(Holders holders, const Streams& wanted) { return compare_pipes(holders, wanted.pipes); }

}  // namespace rollpoint::resources
