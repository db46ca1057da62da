#include "binding/supervisor_binding.h"

#include <functional>
#include <memory>

#include "binding/convert.h"
#include "binding/moments.h"
#include "binding/requests.h"
#include "binding/results.h"
#include "supervisor/supervisor.h"

namespace rollpoint::binding {

using supervisor::Event;
using supervisor::Supervisor;

namespace {

using ToJs = std::function<Napi::Value(Napi::Env)>;

ToJs nothing() {
  return [](Napi::Env env) { return env.Undefined(); };
}

class SupervisorBinding : public Napi::ObjectWrap<SupervisorBinding> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Supervisor", {
      InstanceMethod<&SupervisorBinding::launch>("launch"),
      InstanceMethod<&SupervisorBinding::attach>("attach"),
      InstanceMethod<&SupervisorBinding::detach>("detach"),
      InstanceMethod<&SupervisorBinding::kill>("kill"),
      InstanceMethod<&SupervisorBinding::dispose>("dispose"),
      InstanceMethod<&SupervisorBinding::threads>("threads"),
      InstanceMethod<&SupervisorBinding::resume>("resume"),
      InstanceMethod<&SupervisorBinding::interrupt>("interrupt"),
      InstanceMethod<&SupervisorBinding::hold_at_exit>("holdAtExit"),
      InstanceMethod<&SupervisorBinding::follow_children>("followChildren"),
      InstanceMethod<&SupervisorBinding::follow>("follow"),
      InstanceMethod<&SupervisorBinding::read_memory>("readMemory"),
      InstanceMethod<&SupervisorBinding::read_memory_now>("readMemoryNow"),
      InstanceMethod<&SupervisorBinding::write_memory>("writeMemory"),
      InstanceMethod<&SupervisorBinding::read_registers>("readRegisters"),
      InstanceMethod<&SupervisorBinding::write_registers>("writeRegisters"),
      InstanceMethod<&SupervisorBinding::insert_breakpoint>("insertBreakpoint"),
      InstanceMethod<&SupervisorBinding::remove_breakpoint>("removeBreakpoint"),
      InstanceMethod<&SupervisorBinding::read_siginfo>("readSiginfo"),
      InstanceMethod<&SupervisorBinding::read_auxv>("readAuxv"),
      InstanceMethod<&SupervisorBinding::capture>("capture"),
      InstanceMethod<&SupervisorBinding::rollback>("rollback"),
      InstanceMethod<&SupervisorBinding::delete_snapshot>("deleteSnapshot"),
      InstanceMethod<&SupervisorBinding::stats>("stats"),
      InstanceMethod<&SupervisorBinding::verify>("verify"),
      InstanceMethod<&SupervisorBinding::passed_outside>("passedOutside"),
      InstanceMethod<&SupervisorBinding::peek_threads>("peekThreads"),
      InstanceMethod<&SupervisorBinding::peek_registers>("peekRegisters"),
      InstanceMethod<&SupervisorBinding::peek_memory>("peekMemory"),
      InstanceMethod<&SupervisorBinding::compare>("compare"),
      InstanceMethod<&SupervisorBinding::check_rollback>("checkRollback"),
    });
  }

  explicit SupervisorBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SupervisorBinding>(info) {
    const auto request = to_supervisor_request(info[0]);
    on_event_ = Napi::Persistent(info[1].As<Napi::Function>());
    to_js_thread_ = Napi::ThreadSafeFunction::New(info.Env(), info[1].As<Napi::Function>(), "rollpoint", 0, 1);
    auto to_js_thread = to_js_thread_;
    supervisor_ = std::make_unique<Supervisor>(request.tracker, request.keep_children, [to_js_thread](Event event) mutable {
      auto* carried = new Event(std::move(event));
      auto deliver = [](Napi::Env env, Napi::Function callback, Event* value) {
        std::unique_ptr<Event> owned(value);
        callback.Call({event_to_js(env, *owned)});
      };
      if (to_js_thread.BlockingCall(carried, deliver) != napi_ok) delete carried;
    });
  }

 private:
  struct Settled {
    Napi::Promise::Deferred deferred;
    ToJs value;
    std::optional<Failure> failure;
  };

  /// Posts `work` to the supervisor thread; what it returns is converted on the JavaScript thread.
  Napi::Value run(Napi::Env env, std::function<ToJs()> work) {
    auto* settled = new Settled{Napi::Promise::Deferred::New(env), {}, {}};
    auto promise = settled->deferred.Promise();
    if (!supervisor_) {
      std::unique_ptr<Settled> owned(settled);
      owned->deferred.Reject(to_js(env, {util::kNoProcess, "The supervisor has ended.", {}, {}}).Value());
      return promise;
    }
    auto to_js_thread = to_js_thread_;
    supervisor_->post([settled, to_js_thread, work = std::move(work)]() mutable {
      try {
        settled->value = work();
      } catch (...) {
        settled->failure = current_failure();
      }
      auto settle = [](Napi::Env env, Napi::Function, Settled* value) {
        std::unique_ptr<Settled> owned(value);
        if (owned->failure) owned->deferred.Reject(to_js(env, *owned->failure).Value());
        else owned->deferred.Resolve(owned->value(env));
      };
      if (to_js_thread.BlockingCall(settled, settle) != napi_ok) delete settled;
    });
    return promise;
  }

  Napi::Value launch(const Napi::CallbackInfo& info) {
    auto request = to_launch_request(info[0]);
    return run(info.Env(), [s = supervisor_.get(), request] { return process_info(s, s->start(request)); });
  }

  Napi::Value attach(const Napi::CallbackInfo& info) {
    const pid_t pid = info[0].ToNumber().Int32Value();
    return run(info.Env(), [s = supervisor_.get(), pid] { return process_info(s, s->attach(pid)); });
  }

  static ToJs process_info(Supervisor* s, pid_t pid) {
    return [pid, executable = s->process().executable()](Napi::Env env) {
      auto object = Napi::Object::New(env);
      object.Set("pid", pid);
      object.Set("executable", executable);
      return object;
    };
  }

  template <void (Supervisor::*Method)()>
  Napi::Value plain(const Napi::CallbackInfo& info) {
    return run(info.Env(), [s = supervisor_.get()] {
      (s->*Method)();
      return nothing();
    });
  }
  Napi::Value detach(const Napi::CallbackInfo& info) { return plain<&Supervisor::detach>(info); }
  Napi::Value kill(const Napi::CallbackInfo& info) { return plain<&Supervisor::kill>(info); }
  Napi::Value interrupt(const Napi::CallbackInfo& info) { return plain<&Supervisor::interrupt>(info); }

  Napi::Value hold_at_exit(const Napi::CallbackInfo& info) {
    const bool on = info[0].ToBoolean();
    return run(info.Env(), [s = supervisor_.get(), on] {
      s->hold_at_exit(on);
      return nothing();
    });
  }

  Napi::Value follow_children(const Napi::CallbackInfo& info) {
    const bool on = info[0].ToBoolean();
    return run(info.Env(), [s = supervisor_.get(), on] {
      s->follow_children(on);
      return nothing();
    });
  }

  Napi::Value follow(const Napi::CallbackInfo& info) {
    const pid_t pid = info[0].ToNumber().Int32Value();
    return run(info.Env(), [s = supervisor_.get(), pid] {
      s->follow(pid);
      return nothing();
    });
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    if (supervisor_) {
      supervisor_.reset();  // joins; a killed debuggee takes milliseconds
      to_js_thread_.Release();
    }
    deferred.Resolve(info.Env().Undefined());
    return deferred.Promise();
  }

  Napi::Value threads(const Napi::CallbackInfo& info) {
    return run(info.Env(), [s = supervisor_.get()]() -> ToJs {
      return [threads = s->threads()](Napi::Env env) {
        auto array = Napi::Array::New(env);
        for (auto& thread : threads) {
          auto object = Napi::Object::New(env);
          object.Set("tid", thread.tid);
          object.Set("name", thread.name);
          object.Set("core", thread.core);
          array.Set(array.Length(), object);
        }
        return array;
      };
    });
  }

  Napi::Value resume(const Napi::CallbackInfo& info) {
    auto actions = to_resume_actions(info[0]);
    return run(info.Env(), [s = supervisor_.get(), actions] {
      s->resume(actions);
      return nothing();
    });
  }

  Napi::Value read_memory(const Napi::CallbackInfo& info) {
    const uint64_t address = to_address(info[0]);
    const size_t length = static_cast<size_t>(info[1].ToNumber().Int64Value());
    return run(info.Env(), [s = supervisor_.get(), address, length]() -> ToJs {
      auto bytes = std::make_shared<std::vector<std::byte>>(length);
      bytes->resize(s->stopped_process().memory().read(address, bytes->data(), length));
      if (bytes->empty() && length) throw util::SysError("read memory", EFAULT);
      return [bytes](Napi::Env env) { return to_buffer(env, bytes->data(), bytes->size()); };
    });
  }

  Napi::Value read_memory_now(const Napi::CallbackInfo& info) {
    const uint64_t address = to_address(info[0]);
    const size_t length = static_cast<size_t>(info[1].ToNumber().Int64Value());
    std::byte bytes[16384];
    if (!supervisor_ || length > sizeof bytes) return info.Env().Undefined();
    return guarded(info.Env(), [&]() -> Napi::Value {
      const auto read = supervisor_->read_at_rest(address, bytes, length);
      return read && *read > 0 ? to_buffer(info.Env(), bytes, *read) : info.Env().Undefined();
    });
  }

  Napi::Value write_memory(const Napi::CallbackInfo& info) {
    const uint64_t address = to_address(info[0]);
    auto data = info[1].As<Napi::Uint8Array>();
    std::vector<uint8_t> bytes(data.Data(), data.Data() + data.ByteLength());
    return run(info.Env(), [s = supervisor_.get(), address, bytes] {
      s->note_write();
      if (s->stopped_process().memory().write(address, bytes.data(), bytes.size()) != bytes.size()) throw util::SysError("write memory", EFAULT);
      return nothing();
    });
  }

  Napi::Value read_registers(const Napi::CallbackInfo& info) {
    const pid_t tid = info[0].ToNumber().Int32Value();
    return run(info.Env(), [s = supervisor_.get(), tid]() -> ToJs {
      auto& tracee = s->stopped_thread(tid);
      return [registers = RegistersAt{tracee.registers(), tracee.xstate()}](Napi::Env env) { return registers_to_js(env, registers); };
    });
  }

  Napi::Value write_registers(const Napi::CallbackInfo& info) {
    const pid_t tid = info[0].ToNumber().Int32Value();
    auto change = to_register_change(info[1]);
    return run(info.Env(), [s = supervisor_.get(), tid, change] {
      auto& tracee = s->stopped_thread(tid);
      if (!change.general.empty()) {
        arch::GeneralRegisters registers;
        memcpy(&registers, change.general.data(), sizeof registers);
        tracee.set_registers(registers);
      }
      if (!change.xstate.empty()) tracee.set_xstate(change.xstate);
      return nothing();
    });
  }

  Napi::Value insert_breakpoint(const Napi::CallbackInfo& info) { return change_breakpoint(info, true); }
  Napi::Value remove_breakpoint(const Napi::CallbackInfo& info) { return change_breakpoint(info, false); }
  Napi::Value change_breakpoint(const Napi::CallbackInfo& info, bool insert) {
    const auto kind = to_breakpoint_kind(info[0]);
    const uint64_t address = to_address(info[1]);
    const auto length = static_cast<uint64_t>(info[2].ToNumber().Int64Value());
    return run(info.Env(), [s = supervisor_.get(), kind, address, length, insert] {
      s->stopped_process();
      if (insert) s->breakpoints().add(kind, address, length);
      else s->breakpoints().remove(kind, address, length);
      return nothing();
    });
  }

  Napi::Value read_siginfo(const Napi::CallbackInfo& info) {
    const pid_t tid = info[0].ToNumber().Int32Value();
    return run(info.Env(), [s = supervisor_.get(), tid]() -> ToJs {
      auto& tracee = s->stopped_thread(tid);
      if (!tracee.siginfo()) throw util::SysError("read siginfo", EINVAL);
      return [siginfo = *tracee.siginfo()](Napi::Env env) { return to_buffer(env, &siginfo, sizeof siginfo); };
    });
  }

  Napi::Value read_auxv(const Napi::CallbackInfo& info) {
    return run(info.Env(), [s = supervisor_.get()]() -> ToJs {
      return [auxv = s->process().auxv()](Napi::Env env) { return to_buffer(env, auxv.data(), auxv.size()); };
    });
  }

  Napi::Value capture(const Napi::CallbackInfo& info) {
    auto options = to_capture_options(info[0]);
    return run(info.Env(), [s = supervisor_.get(), options]() -> ToJs {
      return [result = s->capture(options)](Napi::Env env) { return capture_to_js(env, result); };
    });
  }

  Napi::Value rollback(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id]() -> ToJs {
      return [result = s->rollback(id)](Napi::Env env) { return rollback_to_js(env, result); };
    });
  }

  Napi::Value delete_snapshot(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id] {
      s->snapshots().remove(id);
      return nothing();
    });
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    return run(info.Env(), [s = supervisor_.get()]() -> ToJs {
      return [stats = s->snapshots().stats()](Napi::Env env) { return stats_to_js(env, stats); };
    });
  }

  Napi::Value passed_outside(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id]() -> ToJs {
      return [warnings = s->snapshots().passed_outside(id)](Napi::Env env) { return messages_to_js(env, warnings); };
    });
  }

  Napi::Value check_rollback(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id]() -> ToJs {
      return [warnings = s->snapshots().foresee(id)](Napi::Env env) { return warnings_to_js(env, warnings); };
    });
  }

  Napi::Value verify(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id]() -> ToJs {
      return [differences = s->snapshots().verify(id)](Napi::Env env) { return found_to_js(env, differences); };
    });
  }

  Napi::Value peek_threads(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), id]() -> ToJs {
      const auto [engine, own] = s->shown_at(id);
      return [look = threads_at(*engine, own)](Napi::Env env) { return threads_at_to_js(env, look); };
    });
  }

  Napi::Value peek_registers(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    const pid_t tid = info[1].ToNumber().Int32Value();
    return run(info.Env(), [s = supervisor_.get(), id, tid]() -> ToJs {
      const auto [engine, own] = s->shown_at(id);
      return [registers = registers_at(*engine, own, tid)](Napi::Env env) { return registers_to_js(env, registers); };
    });
  }

  Napi::Value peek_memory(const Napi::CallbackInfo& info) {
    const auto id = info[0].ToNumber().Uint32Value();
    const uint64_t address = to_address(info[1]);
    const size_t length = static_cast<size_t>(info[2].ToNumber().Int64Value());
    return run(info.Env(), [s = supervisor_.get(), id, address, length]() -> ToJs {
      auto bytes = std::make_shared<std::vector<std::byte>>(length);
      const auto [engine, own] = s->shown_at(id);
      bytes->resize(engine->peek_memory(own, address, bytes->data(), length));
      if (bytes->empty() && length) throw util::SysError("read memory", EFAULT);
      return [bytes](Napi::Env env) { return to_buffer(env, bytes->data(), bytes->size()); };
    });
  }

  Napi::Value compare(const Napi::CallbackInfo& info) {
    const auto from = info[0].ToNumber().Uint32Value(), to = info[1].ToNumber().Uint32Value();
    return run(info.Env(), [s = supervisor_.get(), from, to]() -> ToJs {
      const auto [engine, before] = s->shown_at(from);
      const auto [other, after] = s->shown_at(to);
      if (engine != other) throw util::CodedError(util::kUnsupported, "The snapshots show different processes: there is nothing to compare.");
      return [differences = engine->compare(before, after)](Napi::Env env) { return differences_to_js(env, differences); };
    });
  }

  Napi::FunctionReference on_event_;
  Napi::ThreadSafeFunction to_js_thread_;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace

Napi::Value create_supervisor(const Napi::CallbackInfo& info) {
  auto constructor = SupervisorBinding::define(info.Env());
  return guarded(info.Env(), [&] { return constructor.New({info[0], info[1]}); });
}

}  // namespace rollpoint::binding
