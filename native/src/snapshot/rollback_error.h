// How a rollback fails.
#pragma once

#include "util/error.h"

namespace rollpoint::snapshot {

class RollbackError : public util::CodedError {
 public:
  /// `trusted` false: the process could not be brought back to the state before the attempt.
  RollbackError(std::string message, bool trusted) : CodedError(util::kRollbackFailed, std::move(message), "rollback"), trusted_(trusted) {}
  bool trusted() const { return trusted_; }

 private:
  bool trusted_;
};

}  // namespace rollpoint::snapshot
