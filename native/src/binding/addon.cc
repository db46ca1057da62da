// The module's exports. Only wires the converters together.
#include <napi.h>

#include "binding/probe_binding.h"
#include "binding/pty.h"
#include "binding/supervisor_binding.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace rollpoint::binding;
  exports.Set("probe", Napi::Function::New(env, probe, "probe"));
  exports.Set("createSupervisor", Napi::Function::New(env, create_supervisor, "createSupervisor"));
  exports.Set("openPty", Napi::Function::New(env, open_pty, "openPty"));
  exports.Set("resizePty", Napi::Function::New(env, resize_pty, "resizePty"));
  return exports;
}

NODE_API_MODULE(rollpoint, init)
