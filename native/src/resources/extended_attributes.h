// Extended attributes of a file, access lists among them: read, and put back. Knows no process.
#pragma once

#include <map>
#include <string>

namespace rollpoint::resources {

/// By name; only those that a program may set: user.*, access lists (POSIX), capabilities of a program.
using ExtendedAttributes = std::map<std::string, std::string>;

ExtendedAttributes read_extended_attributes(const std::string& path);
/// False, with errno, where some could not be put back.
bool restore_extended_attributes(const std::string& path, const ExtendedAttributes& wanted);

}  // namespace rollpoint::resources
