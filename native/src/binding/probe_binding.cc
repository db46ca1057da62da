#include "binding/probe_binding.h"

#include "binding/convert.h"
#include "supervisor/probe.h"

namespace rollpoint::binding {

Napi::Value probe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto found = supervisor::probe();
    auto object = Napi::Object::New(env);
    object.Set("kernel", found.kernel);
    object.Set("architecture", found.architecture);
    object.Set("ptrace", found.ptrace);
    object.Set("yamaScope", found.yama_scope ? Napi::Value::From(env, *found.yama_scope) : env.Null());
    object.Set("userfaultfd", found.userfaultfd);
    object.Set("pagemapScan", found.pagemap_scan);
    object.Set("pidfdGetfd", found.pidfd_getfd);
    object.Set("setTid", found.set_tid);
    const char* names[] = {"userfaultfd", "compare"};
    object.Set("tracker", names[static_cast<int>(found.tracker)]);
    auto lacks = Napi::Array::New(env);
    for (auto& line : found.lacks) lacks.Set(lacks.Length(), line);
    object.Set("lacks", lacks);
    auto xstate = Napi::Array::New(env);
    for (auto& part : found.xstate) {
      auto entry = Napi::Object::New(env);
      entry.Set("component", part.component);
      entry.Set("offset", part.offset);
      entry.Set("size", part.size);
      xstate.Set(xstate.Length(), entry);
    }
    object.Set("xstate", xstate);
    object.Set("xcr0", Napi::BigInt::New(env, found.xcr0));
    return object;
  });
}

}  // namespace rollpoint::binding
