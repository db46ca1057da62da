#include "binding/moments.h"

#include "binding/convert.h"
#include "snapshot/snapshot.h"
#include "util/error.h"

namespace rollpoint::binding {

namespace {

const char* name_of(snapshot::RegionChange change) {
  using enum snapshot::RegionChange;
  switch (change) {
    case kAdded: return "added";
    case kRemoved: return "removed";
    case kProtection: return "protection";
    case kChanged: return "changed";
  }
  return "changed";
}

Napi::Object range_to_js(Napi::Env env, const util::Range& range) {
  auto object = Napi::Object::New(env);
  object.Set("start", Napi::BigInt::New(env, range.start));
  object.Set("end", Napi::BigInt::New(env, range.end));
  return object;
}

template <class T>
Napi::Value or_null(Napi::Env env, const std::optional<T>& value) {
  return value ? Napi::Value::From(env, *value) : env.Null();
}

template <class List, class Convert>
Napi::Array list_to_js(Napi::Env env, const List& list, Convert convert) {
  auto array = Napi::Array::New(env);
  for (auto& item : list) array.Set(array.Length(), convert(item));
  return array;
}

}  // namespace

ThreadsAt threads_at(snapshot::Engine& engine, snapshot::SnapshotId id) {
  const auto& snapshot = engine.look_at(id);
  ThreadsAt result{snapshot.tid, {}};
  for (auto& [tid, thread] : snapshot.threads) result.threads.push_back({tid, thread.name});
  if (!snapshot.threads.contains(result.current) && !snapshot.threads.empty()) result.current = snapshot.threads.begin()->first;
  return result;
}

RegistersAt registers_at(snapshot::Engine& engine, snapshot::SnapshotId id, pid_t tid) {
  const auto& snapshot = engine.look_at(id);
  const auto it = snapshot.threads.find(tid);
  if (it == snapshot.threads.end()) throw util::CodedError(util::kNoProcess, "Snapshot " + std::to_string(id) + " has no thread " + std::to_string(tid) + ".");
  return {it->second.registers, it->second.xstate};
}

Napi::Object threads_at_to_js(Napi::Env env, const ThreadsAt& look) {
  auto object = Napi::Object::New(env);
  object.Set("tid", look.current);
  object.Set("threads", list_to_js(env, look.threads, [&](auto& thread) {
    auto item = Napi::Object::New(env);
    item.Set("tid", thread.tid);
    item.Set("name", thread.name);
    return item;
  }));
  return object;
}

Napi::Object registers_to_js(Napi::Env env, const RegistersAt& registers) {
  auto object = Napi::Object::New(env);
  object.Set("general", to_buffer(env, &registers.general, sizeof registers.general));
  object.Set("xstate", to_buffer(env, registers.xstate.data(), registers.xstate.size()));
  return object;
}

Napi::Object differences_to_js(Napi::Env env, const snapshot::Differences& differences) {
  auto object = Napi::Object::New(env);
  object.Set("regions", list_to_js(env, differences.regions, [&](auto& region) {
    auto item = range_to_js(env, region.range);
    item.Set("name", region.name);
    item.Set("change", name_of(region.change));
    item.Set("from", region.from.empty() ? env.Null() : Napi::Value::From(env, region.from));
    item.Set("to", region.to.empty() ? env.Null() : Napi::Value::From(env, region.to));
    item.Set("changedBytes", static_cast<double>(region.changed_bytes));
    item.Set("changedPages", static_cast<double>(region.changed_pages));
    item.Set("ranges", list_to_js(env, region.ranges, [&](auto& range) { return range_to_js(env, range); }));
    item.Set("truncated", region.truncated);
    return item;
  }));
  object.Set("descriptors", list_to_js(env, differences.descriptors, [&](auto& descriptor) {
    auto item = Napi::Object::New(env);
    item.Set("descriptor", descriptor.number);
    item.Set("from", or_null(env, descriptor.from));
    item.Set("to", or_null(env, descriptor.to));
    return item;
  }));
  object.Set("files", list_to_js(env, differences.files, [&](auto& file) {
    auto item = Napi::Object::New(env);
    item.Set("path", file.path);
    item.Set("was", file.was);
    item.Set("is", file.is);
    item.Set("from", or_null(env, file.from));
    item.Set("to", or_null(env, file.to));
    return item;
  }));
  return object;
}

}  // namespace rollpoint::binding
