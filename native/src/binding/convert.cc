#include "binding/convert.h"

#include "snapshot/rollback_error.h"

namespace rollpoint::binding {

Failure current_failure() {
  try {
    throw;
  } catch (const snapshot::RollbackError& error) {
    return {error.code(), error.what(), error.operation(), error.trusted()};
  } catch (const util::CodedError& error) {
    return {error.code(), error.what(), error.operation(), std::nullopt};
  } catch (const std::exception& error) {
    return {"RP_INTERNAL", error.what(), {}, std::nullopt};
  }
}

Napi::Error to_js(Napi::Env env, const Failure& failure) {
  auto error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  if (!failure.operation.empty()) error.Set("operation", Napi::String::New(env, failure.operation));
  if (failure.trusted) error.Set("trusted", Napi::Boolean::New(env, *failure.trusted));
  return error;
}

uint64_t to_address(const Napi::Value& value) {
  bool lossless = false;
  if (value.IsBigInt()) return value.As<Napi::BigInt>().Uint64Value(&lossless);
  throw Napi::TypeError::New(value.Env(), "An address must be a bigint.");
}

std::vector<std::string> to_strings(const Napi::Value& value) {
  std::vector<std::string> result;
  if (!value.IsArray()) return result;
  auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) result.push_back(array.Get(i).ToString().Utf8Value());
  return result;
}

std::optional<std::string> to_optional_string(const Napi::Value& value) {
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  return value.ToString().Utf8Value();
}

}  // namespace rollpoint::binding
