#include "snapshot/engine.h"
#include "snapshot/rollback_error.h"
namespace rollpoint::snapshot {
class EngineState {};
static util::CodedError none() { return util::CodedError(util::kUnsupported, "Snapshots are being built."); }
Engine::Engine(tracee::Process&, TrackerKind, Hooks) {}
Engine::~Engine() = default;
CaptureResult Engine::capture(const CaptureOptions&) { throw none(); }
RollbackResult Engine::rollback(SnapshotId) { throw none(); }
void Engine::remove(SnapshotId) { throw none(); }
std::vector<Difference> Engine::verify(SnapshotId) { throw none(); }
Stats Engine::stats() const { return {}; }
std::vector<uint64_t> Engine::exit_sites() const { return {}; }
bool Engine::park_at_exit(tracee::Tracee&) { return false; }
std::vector<SnapshotId> Engine::abandon() { return {}; }
void Engine::withdraw() {}
}
