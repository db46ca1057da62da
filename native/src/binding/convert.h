// Conversions between JavaScript values and the core's. No state.
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <vector>

#include "util/error.h"

namespace rollpoint::binding {

/// What went wrong, free of any N-API handle, so that it can cross threads.
struct Failure {
  std::string code, message, operation;
  std::optional<bool> trusted;
};

/// To be called inside a catch block.
Failure current_failure();
Napi::Error to_js(Napi::Env env, const Failure& failure);

/// Runs `work`; a C++ exception becomes a JavaScript one.
template <class Work>
Napi::Value guarded(Napi::Env env, Work&& work) {
  try {
    return work();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js(env, current_failure());
  }
}

template <class T>
Napi::Buffer<uint8_t> to_buffer(Napi::Env env, const T* data, size_t size) {
  return Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t*>(data), size);
}

uint64_t to_address(const Napi::Value& value);
std::vector<std::string> to_strings(const Napi::Value& value);
std::optional<std::string> to_optional_string(const Napi::Value& value);

}  // namespace rollpoint::binding
