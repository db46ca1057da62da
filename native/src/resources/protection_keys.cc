#include "resources/protection_keys.h"

#include <cpuid.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace rollpoint::resources {

namespace {

constexpr int kKeys = 16;

bool processor_has_keys() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & bit_OSPKE;
}

}  // namespace

void ask_protection_keys(tracee::Inquiry& inquiry, bool& used) {
  used = false;
  static const bool has_keys = processor_has_keys();
  if (!has_keys) return;
  // A place where no mapping can be: EINVAL for a key that is not allocated, else ENOMEM (do_mprotect_pkey, mm/mprotect.c).
  constexpr uint64_t kNowhere = 0xffff800000000000, kPage = 4096;
  auto answers = std::make_shared<std::array<int64_t, kKeys>>();
  answers->fill(-EINVAL);
  for (size_t key = 1; key < kKeys; ++key) inquiry.ask({SYS_pkey_mprotect, {kNowhere, kPage, PROT_NONE, key}}, answers->at(key));
  inquiry.then([answers, &used] { used = std::ranges::find(*answers, int64_t{-ENOMEM}) != answers->end(); });
}

}  // namespace rollpoint::resources
