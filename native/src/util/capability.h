// Which privileges our own process has (capabilities(7)).
#pragma once

namespace rollpoint::util {

constexpr int kSysNice = 23, kSysResource = 24;

bool may(int capability);

}  // namespace rollpoint::util
