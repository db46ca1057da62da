// Errors of the core: what failed, with the errno name that reaches JavaScript as `code`.
// Knows nothing of ptrace.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace rollpoint::util {

/// Base of every error that crosses the binding. `code` is an errno name or one of the RP_ codes below.
class CodedError : public std::runtime_error {
 public:
  CodedError(std::string code, std::string message, std::string operation = {})
      : std::runtime_error(std::move(message)), code_(std::move(code)), operation_(std::move(operation)) {}
  const std::string& code() const { return code_; }
  const std::string& operation() const { return operation_; }

 private:
  std::string code_, operation_;
};

inline std::string errno_name(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : "E" + std::to_string(error);
}

/// A system call failed, here or inside the debuggee.
class SysError : public CodedError {
 public:
  SysError(std::string operation, int error)
      : CodedError(errno_name(error), operation + ": " + std::strerror(error), operation), error_(error) {}
  int error() const { return error_; }

 private:
  int error_;
};

inline constexpr const char* kNotStopped = "RP_NOT_STOPPED";      // needs a stopped debuggee
inline constexpr const char* kNoProcess = "RP_NO_PROCESS";        // nothing is being debugged
inline constexpr const char* kProcessGone = "RP_PROCESS_GONE";    // it ended meanwhile
inline constexpr const char* kUnknownSnapshot = "RP_UNKNOWN_SNAPSHOT";
inline constexpr const char* kUnsupported = "RP_UNSUPPORTED";     // this kernel, processor or program cannot
inline constexpr const char* kRollbackFailed = "RP_ROLLBACK_FAILED";
inline constexpr const char* kBusyBreakpoints = "RP_NO_DEBUG_REGISTER";

}  // namespace rollpoint::util
