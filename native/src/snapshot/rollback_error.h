// How a rollback fails.
#pragma once

#include "util/error.h"

namespace rollpoint::snapshot {

class RollbackError : public util::CodedError {
 public:
  /// `trusted` false: the process could not be brought back to the state before the attempt.
  /// `cause`: what failed, alone, for who tells it otherwise.
  RollbackError(std::string message, bool trusted, std::string cause = {})
      : CodedError(util::kRollbackFailed, std::move(message), "rollback"), trusted_(trusted), cause_(std::move(cause)) {}
  bool trusted() const { return trusted_; }
  std::string cause() const { return cause_.empty() ? what() : cause_; }

 private:
  bool trusted_;
  std::string cause_;
};

}  // namespace rollpoint::snapshot
