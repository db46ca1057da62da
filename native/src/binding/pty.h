// Pseudo terminals for the debuggee. No ptrace, no supervisor.
#pragma once

#include <napi.h>

namespace rollpoint::binding {

Napi::Value open_pty(const Napi::CallbackInfo& info);
Napi::Value resize_pty(const Napi::CallbackInfo& info);

}  // namespace rollpoint::binding
