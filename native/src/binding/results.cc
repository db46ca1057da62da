#include "binding/results.h"

namespace rollpoint::binding {

using supervisor::BreakpointKind;
using supervisor::Event;

namespace {

const char* name_of(supervisor::StopReason reason) {
  using enum supervisor::StopReason;
  switch (reason) {
    case kSignal: return "signal";
    case kBreakpoint: return "breakpoint";
    case kHardwareBreakpoint: return "hardwareBreakpoint";
    case kWatchpoint: return "watchpoint";
    case kStep: return "step";
    case kInterrupt: return "interrupt";
    case kExec: return "exec";
    case kExit: return "exit";
    case kRevived: return "revived";
    case kFollowed: return "followed";
  }
  return "signal";
}

}  // namespace

BreakpointKind to_breakpoint_kind(const Napi::Value& value) {
  const std::string name = value.ToString().Utf8Value();
  if (name == "software") return BreakpointKind::kSoftware;
  if (name == "hardware") return BreakpointKind::kHardware;
  if (name == "write") return BreakpointKind::kWrite;
  if (name == "read") return BreakpointKind::kRead;
  if (name == "access") return BreakpointKind::kAccess;
  throw Napi::TypeError::New(value.Env(), "Unknown kind of breakpoint: " + name);
}

Napi::Object event_to_js(Napi::Env env, const Event& event) {
  auto object = Napi::Object::New(env);
  object.Set("pid", event.pid);
  if (auto* stop = std::get_if<supervisor::Stop>(&event.what)) {
    object.Set("type", "stopped");
    object.Set("tid", stop->tid);
    object.Set("reason", name_of(stop->reason));
    object.Set("signal", stop->signal);
    if (stop->reason == supervisor::StopReason::kWatchpoint) {
      object.Set("address", Napi::BigInt::New(env, stop->address));
      object.Set("access", stop->access == BreakpointKind::kWrite ? "write" : "access");
    }
    if (stop->reason == supervisor::StopReason::kExit) object.Set("code", stop->code);
    if (stop->reason == supervisor::StopReason::kSignal) object.Set("fatal", stop->fatal);
    if (!stop->executable.empty()) object.Set("executable", stop->executable);
  } else if (auto* end = std::get_if<supervisor::End>(&event.what)) {
    object.Set("type", end->killed ? "killed" : "exited");
    object.Set(end->killed ? "signal" : "code", end->code);
  } else if (auto* lost = std::get_if<supervisor::SnapshotsLost>(&event.what)) {
    object.Set("type", "snapshotsLost");
    auto ids = Napi::Array::New(env);
    for (auto id : lost->ids) ids.Set(ids.Length(), id);
    object.Set("ids", ids);
    object.Set("message", lost->message);
  } else if (auto* revived = std::get_if<supervisor::Revived>(&event.what)) {
    object.Set("type", "revived");
    object.Set("newPid", revived->pid);
    object.Set("id", revived->result.id);
    object.Set("tid", revived->result.rollback.tid);
    object.Set("renamed", renamed_to_js(env, revived->result.rollback.renamed));
    object.Set("warnings", warnings_to_js(env, revived->result.rollback.warnings));
  } else if (auto* change = std::get_if<supervisor::FocusChange>(&event.what)) {
    object.Set("type", "focus");
    object.Set("newPid", change->pid);
    object.Set("tid", change->tid);
    object.Set("knownAs", change->known_as);
    if (!change->executable.empty()) object.Set("executable", change->executable);
    object.Set("message", change->message);
  } else if (auto* line = std::get_if<supervisor::LogLine>(&event.what)) {
    object.Set("type", "log");
    object.Set("message", line->message);
  }
  return object;
}

Napi::Array warnings_to_js(Napi::Env env, const std::vector<snapshot::Warning>& warnings) {
  auto array = Napi::Array::New(env);
  for (auto& warning : warnings) {
    auto object = Napi::Object::New(env);
    object.Set("kind", warning.kind);
    object.Set("message", warning.message);
    array.Set(array.Length(), object);
  }
  return array;
}

Napi::Array renamed_to_js(Napi::Env env, const std::vector<snapshot::RenamedThread>& renamed) {
  auto array = Napi::Array::New(env);
  for (auto& one : renamed) {
    auto object = Napi::Object::New(env);
    object.Set("from", one.from);
    object.Set("to", one.to);
    array.Set(array.Length(), object);
  }
  return array;
}

Napi::Object capture_to_js(Napi::Env env, const snapshot::CaptureResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("id", result.id);
  object.Set("parent", result.parent ? Napi::Value::From(env, *result.parent) : env.Null());
  object.Set("bytes", static_cast<double>(result.bytes));
  object.Set("pages", static_cast<double>(result.pages));
  object.Set("pauseMicros", result.pause_micros);
  auto threads = Napi::Array::New(env);
  for (pid_t tid : result.threads) threads.Set(threads.Length(), tid);
  object.Set("threads", threads);
  object.Set("exact", result.exact);
  object.Set("warnings", warnings_to_js(env, result.warnings));
  return object;
}

Napi::Object rollback_to_js(Napi::Env env, const snapshot::RollbackResult& result) {
  auto object = Napi::Object::New(env);
  object.Set("micros", result.micros);
  object.Set("pagesWritten", static_cast<double>(result.pages_written));
  object.Set("tid", result.tid);
  object.Set("renamed", renamed_to_js(env, result.renamed));
  object.Set("warnings", warnings_to_js(env, result.warnings));
  return object;
}

Napi::Object stats_to_js(Napi::Env env, const snapshot::Stats& stats) {
  auto object = Napi::Object::New(env);
  object.Set("snapshots", static_cast<double>(stats.snapshots));
  object.Set("pages", static_cast<double>(stats.pages));
  object.Set("bytes", static_cast<double>(stats.bytes));
  object.Set("twinBytes", static_cast<double>(stats.twin_bytes));
  object.Set("settleMicros", stats.settle_micros);
  return object;
}

Napi::Array found_to_js(Napi::Env env, const std::vector<snapshot::Difference>& differences) {
  auto array = Napi::Array::New(env);
  for (auto& difference : differences) {
    auto object = Napi::Object::New(env);
    object.Set("what", difference.what);
    object.Set("message", difference.message);
    array.Set(array.Length(), object);
  }
  return array;
}

Napi::Array messages_to_js(Napi::Env env, const std::vector<snapshot::Warning>& warnings) {
  auto array = Napi::Array::New(env);
  for (auto& warning : warnings) array.Set(array.Length(), warning.message);
  return array;
}

}  // namespace rollpoint::binding
