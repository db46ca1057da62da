// Snapshots that are looked at, as JavaScript objects: threads, registers, differences.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "snapshot/difference.h"
#include "snapshot/engine.h"
#include "tracee/arch.h"

namespace rollpoint::binding {

struct ThreadsAt {
  struct Thread {
    pid_t tid;
    std::string name;
  };
  pid_t current;
  std::vector<Thread> threads;
};

struct RegistersAt {
  arch::GeneralRegisters general;
  std::vector<std::byte> xstate;
};

ThreadsAt threads_at(snapshot::Engine& engine, snapshot::SnapshotId id);
/// Throws CodedError when the snapshot has no such thread.
RegistersAt registers_at(snapshot::Engine& engine, snapshot::SnapshotId id, pid_t tid);

Napi::Object threads_at_to_js(Napi::Env env, const ThreadsAt& look);
Napi::Object registers_to_js(Napi::Env env, const RegistersAt& registers);
Napi::Object differences_to_js(Napi::Env env, const snapshot::Differences& differences);

}  // namespace rollpoint::binding
