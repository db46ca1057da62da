// What the core hands out, as JavaScript objects: the shapes of adapter/core/native.d.ts.
#pragma once

#include <napi.h>

#include <vector>

#include "supervisor/supervisor.h"

namespace rollpoint::binding {

supervisor::BreakpointKind to_breakpoint_kind(const Napi::Value& value);
Napi::Object event_to_js(Napi::Env env, const supervisor::Event& event);
Napi::Array warnings_to_js(Napi::Env env, const std::vector<snapshot::Warning>& warnings);
Napi::Array renamed_to_js(Napi::Env env, const std::vector<snapshot::RenamedThread>& renamed);
Napi::Object capture_to_js(Napi::Env env, const snapshot::CaptureResult& result);
Napi::Object rollback_to_js(Napi::Env env, const snapshot::RollbackResult& result);
Napi::Object stats_to_js(Napi::Env env, const snapshot::Stats& stats);
Napi::Array found_to_js(Napi::Env env, const std::vector<snapshot::Difference>& differences);
/// The sentences alone.
Napi::Array messages_to_js(Napi::Env env, const std::vector<snapshot::Warning>& warnings);

}  // namespace rollpoint::binding
