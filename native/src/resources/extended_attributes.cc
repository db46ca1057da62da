#include "resources/extended_attributes.h"

#include <errno.h>
#include <sys/xattr.h>

#include <vector>

namespace rollpoint::resources {

namespace {

// The rest is the system's (security.selinux), or a privileged user's.
bool belongs_to_program(const std::string& name) {
  return name.starts_with("user.") || name == "system.posix_acl_access" || name == "security.capability";
}

}  // namespace

ExtendedAttributes read_extended_attributes(const std::string& path) {
  ExtendedAttributes result;
  char small[256];
  std::vector<char> large;
  const char* names = small;
  ssize_t length = listxattr(path.c_str(), small, sizeof small);
  if (length < 0 && errno == ERANGE) {
    large.resize(1 << 16);  // XATTR_LIST_MAX (linux/limits.h)
    length = listxattr(path.c_str(), large.data(), large.size());
    names = large.data();
  }
  for (ssize_t at = 0; at < length;) {
    const std::string name = names + at;
    at += static_cast<ssize_t>(name.size()) + 1;
    if (!belongs_to_program(name)) continue;
    std::string value(1 << 16, '\0');  // XATTR_SIZE_MAX
    const ssize_t size = getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    value.resize(static_cast<size_t>(size));
    value.shrink_to_fit();
    result.emplace(name, std::move(value));
  }
  return result;
}

bool restore_extended_attributes(const std::string& path, const ExtendedAttributes& wanted) {
  int failed = 0;
  const auto now = read_extended_attributes(path);
  for (auto& [name, value] : now)
    if (!wanted.contains(name) && removexattr(path.c_str(), name.c_str()) < 0 && errno != ENODATA) failed = errno;
  for (auto& [name, value] : wanted) {
    const auto it = now.find(name);
    if ((it == now.end() || it->second != value) && setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) < 0) failed = errno;
  }
  errno = failed;
  return !failed;
}

}  // namespace rollpoint::resources
