#include "resources/sharing.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace rollpoint::resources {

std::map<int, int> find_sharing(const tracee::Process& process, std::vector<int> numbers) {
  // kcmp(2) orders descriptions (0 equal, 1 less, 2 greater), which saves comparing each with each.
  auto compare = [&](int a, int b) { return a == b ? 0L : syscall(SYS_kcmp, process.pid(), process.pid(), KCMP_FILE, a, b); };
  std::sort(numbers.begin(), numbers.end(), [&](int a, int b) {
    const long order = compare(a, b);
    return order == 1 || (order != 2 && a < b);
  });
  std::map<int, int> result;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const bool joins = i > 0 && compare(numbers[i - 1], numbers[i]) == 0;
    result[numbers[i]] = joins ? result[numbers[i - 1]] : numbers[i];
  }
  return result;
}

}  // namespace rollpoint::resources
