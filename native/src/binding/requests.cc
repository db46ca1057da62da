#include "binding/requests.h"

#include "binding/convert.h"
#include "tracee/arch.h"

namespace rollpoint::binding {
namespace {

std::vector<std::byte> to_bytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  auto array = value.As<Napi::Uint8Array>();
  auto* begin = reinterpret_cast<const std::byte*>(array.Data());
  return {begin, begin + array.ByteLength()};
}

supervisor::ResumeAction to_resume_action(const Napi::Object& object) {
  supervisor::ResumeAction action;
  action.tid = object.Get("tid").ToNumber().Int32Value();
  action.signal = object.Get("signal").IsNumber() ? object.Get("signal").ToNumber().Int32Value() : 0;
  const std::string kind = object.Get("kind").ToString().Utf8Value();
  action.mode = kind == "step" ? tracee::RunMode::kStep : kind == "range" ? tracee::RunMode::kRange : tracee::RunMode::kContinue;
  if (kind == "range") {
    action.start = to_address(object.Get("start"));
    action.end = to_address(object.Get("end"));
  }
  return action;
}

}  // namespace

SupervisorRequest to_supervisor_request(const Napi::Value& value) {
  auto options = value.As<Napi::Object>();
  SupervisorRequest request;
  if (options.Get("tracker").ToString().Utf8Value() == "compare") request.tracker = snapshot::TrackerKind::kCompare;
  request.keep_children = options.Get("children").ToString().Utf8Value() != "ignore";
  return request;
}

supervisor::LaunchRequest to_launch_request(const Napi::Value& value) {
  auto options = value.As<Napi::Object>();
  supervisor::LaunchRequest request;
  request.program = options.Get("program").ToString().Utf8Value();
  request.arguments = to_strings(options.Get("args"));
  request.environment = to_strings(options.Get("env"));
  request.directory = to_optional_string(options.Get("cwd"));
  request.argv0 = to_optional_string(options.Get("argv0")).value_or("");
  request.disable_aslr = options.Get("disableAslr").ToBoolean();
  request.pid_namespace = options.Get("pidNamespace").ToBoolean();
  if (auto stdio_value = options.Get("stdio"); stdio_value.IsObject()) {
    auto stdio = stdio_value.As<Napi::Object>();
    if (stdio.Get("kind").ToString().Utf8Value() == "terminal") {
      request.terminal = stdio.Get("terminal").ToString().Utf8Value();
      request.stderr_terminal = to_optional_string(stdio.Get("stderrTerminal"));
    }
  }
  return request;
}

std::vector<supervisor::ResumeAction> to_resume_actions(const Napi::Value& value) {
  auto array = value.As<Napi::Array>();
  std::vector<supervisor::ResumeAction> actions;
  for (uint32_t i = 0; i < array.Length(); ++i) actions.push_back(to_resume_action(array.Get(i).As<Napi::Object>()));
  return actions;
}

snapshot::CaptureOptions to_capture_options(const Napi::Value& value) {
  auto object = value.As<Napi::Object>();
  snapshot::CaptureOptions options;
  options.tid = object.Get("tid").ToNumber().Int32Value();
  options.rewind_files = object.Get("files").ToString().Utf8Value() != "keep";
  const auto file_limit = object.Get("fileLimit");
  if (file_limit.IsNumber()) options.file_limit = static_cast<uint64_t>(file_limit.ToNumber().DoubleValue());
  return options;
}

RegisterChange to_register_change(const Napi::Value& value) {
  auto object = value.As<Napi::Object>();
  RegisterChange change{to_bytes(object.Get("general")), to_bytes(object.Get("xstate"))};
  if (!change.general.empty() && change.general.size() != sizeof(arch::GeneralRegisters))
    throw Napi::RangeError::New(value.Env(), "general must have " + std::to_string(sizeof(arch::GeneralRegisters)) + " bytes");
  return change;
}

}  // namespace rollpoint::binding
