// Protection keys of memory (pkeys(7)): only whether the program has any. Not held; the registers have what each thread may do.
#pragma once

#include "tracee/inquiry.h"

namespace rollpoint::resources {

/// False where the processor has none.
void ask_protection_keys(tracee::Inquiry& inquiry, bool& used);

}  // namespace rollpoint::resources
