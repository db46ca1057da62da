// What several processes of a tree may hold together and what passes between them: read, put back and compared once for
// all of them. Joins the kinds; knows none of them closer.
#pragma once

#include <string>
#include <vector>

#include "resources/pipes.h"
#include "resources/shared_files.h"
#include "resources/sockets_rollback.h"
#include "resources/stream_ends.h"
#include "util/warning.h"

namespace rollpoint::resources {

struct Streams {
  Pipes pipes;
  Sockets sockets;
  SharedFiles files;
};

Streams read_streams(Holders holders, util::Warnings& warnings);

/// One rollback's work, around that of each process's descriptor table.
class StreamsRollback {
 public:
  StreamsRollback(Holders wanted, const Streams& streams) : holders_(wanted), pipes_(wanted, streams.pipes), sockets_(wanted, streams.sockets), files(streams.files) {}
  /// For the kinds that are its business; empty for others.
  util::UniqueFd recreate(size_t holder, const Descriptor& wanted);
  /// With all tables in place.
  util::Warnings finish();

 private:
  Holders holders_;
  PipesRollback pipes_;
  SocketsRollback sockets_;

 public:
  SharedFilesRollback files;
};

/// Sentences on what has passed out of the program since the snapshot: no rollback takes it back.
util::Warnings passed_outside(Holders holders, const Streams& since);
std::vector<std::string> compare_streams(Holders holders, const Streams& wanted);

}  // namespace rollpoint::resources
