// What /proc/PID/fdinfo/N says of one open descriptor, and a duplicate of it for the moment.
// Knows no kind of descriptor.
#pragma once

#include <string>
#include <string_view>

#include "tracee/process.h"
#include "util/unique_fd.h"

namespace rollpoint::resources {

class FdInfo {
 public:
  /// Empty where the descriptor is not open.
  FdInfo(const tracee::Process& process, int number);
  /// What follows `name` and a colon, without white space around; empty where there is no such line.
  std::string_view field(std::string_view name) const;
  /// 0 where absent.
  uint64_t number(std::string_view name, int base = 10) const;
  /// Each line that begins with `name`, from there on. `visit` takes a C string.
  template <class Visit>
  void lines(std::string_view name, Visit visit) const {
    for (size_t at = 0; at < text_.size();) {
      const size_t end = std::min(text_.find('\n', at), text_.size());
      if (std::string_view(text_).substr(at, end - at).starts_with(name)) visit(text_.substr(at, end - at).c_str());
      at = end + 1;
    }
  }

 private:
  std::string text_;
};

/// A duplicate of the program's descriptor, not to be kept while it runs. Empty where it is not open.
util::UniqueFd borrow(const tracee::Process& process, int number);
/// Sets the flags that F_SETFL takes, but O_ASYNC, where they differ. 02000000 and the access mode in `wanted` are ignored.
void set_status_flags(int fd, int wanted);

}  // namespace rollpoint::resources
