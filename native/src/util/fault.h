// Faults on demand, for the tests of what follows one. Knows no place by itself.
#pragma once

namespace rollpoint::util {

/// Throws CodedError where ROLLPOINT_FAULT in our own environment (never the debuggee's) names `place`: "memory" once,
/// "memory:2" the second time that it is passed, "memory!" every time.
void fault_point(const char* place);

}  // namespace rollpoint::util
