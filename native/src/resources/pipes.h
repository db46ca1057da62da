// Pipes and FIFOs: the bytes in flight with the bounds of packets, capacity, ends that were closed since.
// Knows nothing of sockets. A pipe that leads out of the process tree is left as it is.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/stream_ends.h"

namespace rollpoint::resources {

struct Pipe {
  int capacity = 0;  // bytes
  std::string path;  // of a FIFO, else empty
  bool unlinked = false;  // it has that name no longer
  mode_t mode = 0;
  bool outside = false;  // its other end is held by another process
  bool packets = false;  // a writer is in packet mode (O_DIRECT)
  /// In order: one per packet where a writer is in packet mode, else one for all.
  std::vector<std::string> content;
};

using Pipes = std::map<SharedIdentity, Pipe>;

Pipes read_pipes(Holders holders, util::Warnings& warnings);

/// Whether `number` is open on that end of that pipe.
Likeness recognise_pipe_end(const tracee::Process& process, int number, const Descriptor& wanted);

/// One rollback's work on pipes, in three steps around the descriptor tables' own.
class PipesRollback {
 public:
  /// Takes hold of the ends that live, before the tables let go of them.
  PipesRollback(Holders wanted, const Pipes& pipes);
  /// An end for `wanted`; empty where there is none to be had.
  util::UniqueFd recreate(size_t holder, const Descriptor& wanted);
  /// Contents, capacity, flags; with the tables in place.
  util::Warnings finish();

 private:
  struct Work {
    util::UniqueFd both;  // open for reading and writing, non-blocking, an open file description of our own
    std::vector<StreamEnd*> live;
  };
  bool revive(size_t holder, const SharedIdentity& identity, const Pipe& pipe);
  void restore_content(const SharedIdentity& identity, const Pipe& pipe, Work& work);

  Holders holders_;
  const Pipes& pipes_;
  std::vector<StreamEnd> ends_;
  std::map<SharedIdentity, Work> work_;
  util::Warnings left_;
};

/// What has passed, or may have, through ends that lead out of the program: no rollback takes it back.
util::Warnings passed_outside(Holders holders, const Pipes& since);
/// In words, how the live pipes differ.
std::vector<std::string> compare_pipes(Holders holders, const Pipes& wanted);

}  // namespace rollpoint::resources
