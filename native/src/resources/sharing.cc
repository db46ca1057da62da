#include "resources/sharing.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace rollpoint::resources {

std::map<int, int> find_sharing(const tracee::Process& process, std::vector<int> numbers) {
  // kcmp(2) orders descriptions (0 equal, 1 less, 2 greater), which saves comparing each with each.
  auto compare = [&](int a, int b) { return syscall(SYS_kcmp, process.pid(), process.pid(), KCMP_FILE, a, b); };
  std::map<int, int> result;
  std::sort(numbers.begin(), numbers.end());
  for (auto& group : group_equal(numbers.size(), [&](size_t a, size_t b) { return compare(numbers[a], numbers[b]); }))
    for (size_t i : group) result[numbers[i]] = numbers[group.front()];
  return result;
}

std::vector<std::vector<size_t>> group_equal(size_t count, const std::function<long(size_t, size_t)>& compare) {
  std::vector<std::vector<size_t>> ordered, unknown;
  for (size_t i = 0; i < count; ++i) {
    size_t low = 0, high = ordered.size();
    long order = 2;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      order = compare(i, ordered[middle].front());
      if (order == 1) high = middle;
      else if (order == 2) low = middle + 1;
      else if (order == 0) low = high = middle;
      else break;
    }
    if (ordered.empty() || order == 1 || order == 2) ordered.insert(ordered.begin() + static_cast<ptrdiff_t>(low), {i});
    else if (order == 0) ordered[low].push_back(i);
    else unknown.push_back({i});
  }
  ordered.insert(ordered.end(), unknown.begin(), unknown.end());
  return ordered;
}

}  // namespace rollpoint::resources
