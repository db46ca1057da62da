// `probe()`: the capabilities as a JavaScript object.
#pragma once

#include <napi.h>

namespace rollpoint::binding {

Napi::Value probe(const Napi::CallbackInfo& info);

}  // namespace rollpoint::binding
