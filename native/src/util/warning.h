// Something that a capture could not hold or a rollback could not put back, in words for the user.
#pragma once

#include <string>
#include <vector>

namespace rollpoint::util {

/// `kind` is a word for programs ("pipe", "fileContent"), `message` a sentence for people.
struct Warning {
  std::string kind, message;
};

using Warnings = std::vector<Warning>;

}  // namespace rollpoint::util
