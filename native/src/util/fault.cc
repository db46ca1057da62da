#include "util/fault.h"

#include <cstdlib>
#include <string>

#include "util/error.h"

namespace rollpoint::util {

void fault_point(const char* place) {
  constexpr const char* kVariable = "ROLLPOINT_FAULT";
  const char* wanted = getenv(kVariable);
  if (!wanted) return;
  const std::string text(wanted), name = text.substr(0, text.find_first_of(":!"));
  if (name != place) return;
  const int times = text.find(':') == std::string::npos ? 1 : atoi(text.c_str() + text.find(':') + 1);
  if (times > 1) {
    setenv(kVariable, (name + ":" + std::to_string(times - 1)).c_str(), 1);
    return;
  }
  if (!text.ends_with('!')) unsetenv(kVariable);
  throw CodedError("RP_FAULT", "a fault was asked for at \"" + name + "\"");
}

}  // namespace rollpoint::util
