// What JavaScript asks for: option objects read into the core's requests. Throws JavaScript errors only.
#pragma once

#include <napi.h>

#include <vector>

#include "snapshot/types.h"
#include "supervisor/supervisor.h"

namespace rollpoint::binding {

struct SupervisorRequest {
  snapshot::TrackerKind tracker = snapshot::TrackerKind::kUserfaultfd;
  bool keep_children = true;
};
SupervisorRequest to_supervisor_request(const Napi::Value& value);

supervisor::LaunchRequest to_launch_request(const Napi::Value& value);

std::vector<supervisor::ResumeAction> to_resume_actions(const Napi::Value& value);

snapshot::CaptureOptions to_capture_options(const Napi::Value& value);

/// Empty: to be left as it is.
struct RegisterChange {
  std::vector<std::byte> general, xstate;
};
RegisterChange to_register_change(const Napi::Value& value);

}  // namespace rollpoint::binding
