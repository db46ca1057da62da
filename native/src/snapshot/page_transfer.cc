#include "snapshot/page_transfer.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "tracee/page_copy.h"

namespace rollpoint::snapshot {

using memory::kPageSize;
using memory::PageId;
using memory::Vma;
using tracee::PageCopy;

namespace {

constexpr size_t kBatch = tracee::Window::kPages / 4;  // one on its way while another is being used
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
  const tracee::WritableWindow writable(state.process);
  for (size_t begin = 0; begin < allowed.size(); begin += tracee::Window::kPages) {
    const auto batch = std::span<const uint64_t>(allowed).subspan(begin, std::min(tracee::Window::kPages, allowed.size() - begin));
    PageCopy copy(state.process, task, state.process.scratch->code, *state.window, PageCopy::Direction::kGather, batch, 0);
    size_t next = 0;
    // Each is used while the next ones are on their way.
    while (next < batch.size() && copy.has(next)) use(batch[next], state.window->data(next)), ++next;
    copy.finish();
    for (; next < batch.size(); ++next) {
      if (copy.has(next)) use(batch[next], state.window->data(next));
      else refused.push_back(batch[next]);
    }
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
  std::vector<uint64_t> order[2];  // of the pages in the slots: those of the twin first, since it copies them in one go
  std::optional<PageCopy> on_its_way;
  size_t turn = 0;
  auto settle = [&] {
    if (on_its_way && !on_its_way->finish()) rest.insert(rest.end(), order[1 - turn].begin(), order[1 - turn].end());
    on_its_way.reset();
  };
  for (size_t begin = 0; begin < allowed.size(); begin += kBatch, turn = 1 - turn) {
    const auto batch = std::span<const uint64_t>(allowed).subspan(begin, std::min(kBatch, allowed.size() - begin));
    auto& slots = order[turn];
    std::vector<uint64_t> in_store;
    slots.clear();
    for (uint64_t page : batch) (table.find(page) == PageId::kInBase ? slots : in_store).push_back(page);
    const size_t slot = turn * kBatch, of_twin = slots.size();
    std::optional<PageCopy> from_twin;
    if (of_twin) from_twin.emplace(state.process, state.twin->pid(), state.twin->code(), *state.window, PageCopy::Direction::kGather, slots, slot);
    for (size_t i = 0; i < in_store.size(); ++i) memcpy(state.window->data(slot + of_twin + i), state.store.data(table.find(in_store[i])), kPageSize);
    const bool have_twin = !from_twin || from_twin->finish();
    if (!have_twin) state.twin->read_from_outside(slots, state.window->data(slot), state.background);
    slots.insert(slots.end(), in_store.begin(), in_store.end());
    settle();
    on_its_way.emplace(state.process, task, state.process.scratch->code, *state.window, PageCopy::Direction::kScatter, slots, slot);
  }
  settle();
  std::sort(rest.begin(), rest.end());
}

}  // namespace rollpoint::snapshot
