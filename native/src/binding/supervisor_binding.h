// The JavaScript object `Supervisor`: one options object in, a promise out. No ptrace here.
#pragma once

#include <napi.h>

namespace rollpoint::binding {

Napi::Value create_supervisor(const Napi::CallbackInfo& info);

}  // namespace rollpoint::binding
