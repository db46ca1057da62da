#include "snapshot/page_transfer.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "tracee/page_copy.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::PageId;
using memory::Vma;
using tracee::PageCopy;

namespace {

constexpr size_t kWorthRunning = 24;                   // waking a thread costs as much as moving this many from outside

/// Splits by the protection that the debuggee's own thread would meet.
void split(std::span<const uint64_t> pages, const std::vector<Vma>& maps, int protection, std::vector<uint64_t>& allowed, std::vector<uint64_t>& refused) {
  auto vma = maps.begin();
  for (uint64_t page : pages) {
    const uint64_t address = memory::page_address(page);
    while (vma != maps.end() && vma->end <= address) ++vma;
    const bool can = vma != maps.end() && vma->start <= address && (vma->prot & protection) == protection;
    (can ? allowed : refused).push_back(page);
  }
}

size_t read_from_outside(EngineState& state, std::span<const uint64_t> pages, UsePage use) {
  size_t failures = 0;
  std::byte* out = state.chunk_buffer(0);
  for (size_t begin = 0; begin < pages.size(); begin += EngineState::kChunk) {
    const auto chunk = pages.subspan(begin, std::min(EngineState::kChunk, pages.size() - begin));
    std::vector<bool> failed(chunk.size());
    failures += state.process.memory().read_pages(chunk, out, [&](size_t index, uint64_t) { failed[index] = true; });
    for (size_t i = 0; i < chunk.size(); ++i)
      if (!failed[i]) use(chunk[i], out + i * kPageSize);
  }
  return failures;
}

}  // namespace

bool may_copy_itself(const resources::SignalActions& actions) {
  const auto ignored = reinterpret_cast<uint64_t>(SIG_IGN);
  return actions[SIGSEGV - 1].handler != ignored && actions[SIGBUS - 1].handler != ignored;
}

size_t read_pages(EngineState& state, std::span<const uint64_t> pages, const std::vector<Vma>& maps, bool itself, UsePage use) {
  if (!itself || !state.window || !state.process.window || !state.process.scratch || pages.size() < kWorthRunning) return read_from_outside(state, pages, use);
  std::vector<uint64_t> allowed, refused;
  split(pages, maps, PROT_READ, allowed, refused);
  const pid_t task = state.process.injector().tid();
  for (size_t begin = 0; begin < allowed.size(); begin += tracee::Window::kPages) {
    const auto batch = std::span<const uint64_t>(allowed).subspan(begin, std::min(tracee::Window::kPages, allowed.size() - begin));
    PageCopy copy(state.process, task, state.process.scratch->code, *state.window, PageCopy::Direction::kGatherByTurns, batch);
    size_t next = 0;
    // Each is used while the next ones are on their way.
    auto use_what_is_there = [&] {
      for (; next < batch.size() && copy.has(next); copy.release(++next)) use(batch[next], copy.data(next));
    };
    do use_what_is_there();
    while (next < batch.size() && copy.go_on());
    use_what_is_there();
    refused.insert(refused.end(), batch.begin() + static_cast<ptrdiff_t>(next), batch.end());
  }
  return read_from_outside(state, refused, use);
}

void write_pages(EngineState& state, const memory::PageTable& table, std::span<const uint64_t> pages, const std::vector<Vma>& maps, std::vector<uint64_t>& rest) {
  std::vector<uint64_t> allowed;
  if (!state.window || !state.process.window || !state.process.scratch || pages.size() < kWorthRunning) {
    rest.insert(rest.end(), pages.begin(), pages.end());
    return;
  }
  split(pages, maps, PROT_WRITE, allowed, rest);
  const pid_t task = state.process.injector().tid();
  auto& window = *state.window;
  for (size_t begin = 0; begin < allowed.size(); begin += tracee::Window::kPages) {
    const auto batch = std::span<const uint64_t>(allowed).subspan(begin, std::min(tracee::Window::kPages, allowed.size() - begin));
    // Those of the twin first: it copies them in one go, the debuggee behind it, and we put in what is in the store.
    std::vector<uint64_t> slots(batch.begin(), batch.end());
    const auto stored = std::stable_partition(slots.begin(), slots.end(), [&](uint64_t page) { return table.find(page) == PageId::kInBase; });
    const auto of_twin = static_cast<size_t>(stored - slots.begin());
    for (size_t slot = of_twin; slot < slots.size(); ++slot) tracee::announce(window, slot);
    PageCopy from_twin(state.process, state.twin->pid(), state.twin->code(), window, PageCopy::Direction::kGather, std::span(slots).first(of_twin));
    PageCopy to_program(state.process, task, state.process.scratch->code, window, PageCopy::Direction::kScatter, slots);
    for (size_t slot = of_twin; slot < slots.size(); ++slot) tracee::put(window, slot, state.store.data(table.find(slots[slot])));
    if (of_twin && !from_twin.finish()) {
      std::vector<std::byte> content(of_twin * kPageSize);
      state.twin->read_from_outside(std::span(slots).first(of_twin), content.data(), state.background);
      for (size_t slot = 0; slot < of_twin; ++slot)
        if (!from_twin.has(slot)) tracee::put(window, slot, content.data() + slot * kPageSize);
    }
    if (!to_program.finish()) rest.insert(rest.end(), slots.begin(), slots.end());
  }
  std::sort(rest.begin(), rest.end());
}

}  // namespace rollpoint::snapshot
