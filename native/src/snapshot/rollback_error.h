// How a rollback fails.
#pragma once

#include <string>

#include "snapshot/types.h"
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

  /// `but`: what is not as it was, in sentences that begin with a blank.
  static RollbackError went_back(SnapshotId id, const std::string& what, const std::string& but = {}) {
    return {"The rollback to snapshot " + std::to_string(id) + " failed (" + what + "). The program is where it was before." + but, true, what};
  }
  static RollbackError half_way(const std::string& what) { return {"The rollback failed half-way (" + what + ")." + kUntrusted, false, what}; }
  static RollbackError failed_twice(const std::string& what, const std::string& second) {
    return {"The rollback failed (" + what + "), and so did the way back (" + second + ")." + kUntrusted, false, what + "; the way back: " + second};
  }

 private:
  static constexpr auto kUntrusted = " The program's state can no longer be trusted: restore another snapshot, or end the session.";

  bool trusted_;
  std::string cause_;
};

}  // namespace rollpoint::snapshot
