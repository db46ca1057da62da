#include "binding/pty.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "binding/convert.h"
#include "util/error.h"
#include "util/unique_fd.h"

namespace rollpoint::binding {

Napi::Value open_pty(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    util::UniqueFd master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (!master) throw util::SysError("posix_openpt", errno);
    if (grantpt(master.get()) < 0 || unlockpt(master.get()) < 0) throw util::SysError("unlockpt", errno);
    char path[128];
    if (int error = ptsname_r(master.get(), path, sizeof path)) throw util::SysError("ptsname", error);
    winsize size{};
    size.ws_row = static_cast<unsigned short>(info[0].ToNumber().Uint32Value());
    size.ws_col = static_cast<unsigned short>(info[1].ToNumber().Uint32Value());
    ioctl(master.get(), TIOCSWINSZ, &size);
    auto result = Napi::Object::New(info.Env());
    result.Set("master", master.release());
    result.Set("path", path);
    return result;
  });
}

Napi::Value resize_pty(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(info[1].ToNumber().Uint32Value());
    size.ws_col = static_cast<unsigned short>(info[2].ToNumber().Uint32Value());
    if (ioctl(info[0].ToNumber().Int32Value(), TIOCSWINSZ, &size) < 0) throw util::SysError("TIOCSWINSZ", errno);
    return info.Env().Undefined();
  });
}

}  // namespace rollpoint::binding
