// The full check: every thread, the layout, every byte, the descriptors, read anew from the process. And the light one.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "snapshot/layout.h"
#include "snapshot/rollback.h"
#include "util/error.h"

namespace rollpoint::snapshot {

using memory::kPageSize;

namespace {

constexpr size_t kMostTold = 32;

class Findings {
 public:
  bool full() const { return found_.size() >= kMostTold; }
  void add(const char* what, std::string message) {
    if (!full()) found_.push_back({what, std::move(message)});
  }
  std::vector<Difference> take() { return std::move(found_); }

 private:
  std::vector<Difference> found_;
};

std::string page_text(uint64_t page) {
  char text[32];
  snprintf(text, sizeof text, "page %lx", memory::page_address(page));
  return text;
}

void compare_threads(EngineState& state, const Snapshot& snapshot, Findings& findings) {
  for (auto& [tid, tracee] : state.process.tracees())
    if (!tracee->parked() && !snapshot.threads.contains(tid)) findings.add("threads", "thread " + std::to_string(tid) + " should not be there");
  for (auto& [tid, saved] : snapshot.threads) {
    auto* tracee = state.process.find(tid);
    if (!tracee || tracee->parked()) {
      findings.add("threads", "thread " + std::to_string(tid) + " is missing");
      continue;
    }
    for (auto& what : compare_thread(*tracee, saved)) findings.add(what.c_str(), "of thread " + std::to_string(tid));
  }
}

// The kernel writes its words of rseq(2) whenever a thread comes back from it on another processor: they are not the program's.
void blank_rseq(const Snapshot& snapshot, uint64_t page, std::byte* content) {
  const uint64_t start = memory::page_address(page);
  for (auto& [tid, thread] : snapshot.threads) {
    if (!thread.rseq || thread.rseq->pointer < start || thread.rseq->pointer >= start + kPageSize) continue;
    const uint64_t offset = thread.rseq->pointer - start;
    memset(content + offset, 0, std::min<uint64_t>(thread.rseq->size, kPageSize - offset));
  }
}

// See correct_thread_ids().
void blank_thread_ids(const Snapshot& snapshot, uint64_t page, std::byte* content) {
  const uint64_t start = memory::page_address(page);
  for (auto& [tid, thread] : snapshot.threads)
    if (const uint64_t word = thread.clear_child_tid.value_or(0); word >= start && word + sizeof(pid_t) <= start + kPageSize) memset(content + (word - start), 0, sizeof(pid_t));
}

void compare_memory(EngineState& state, const Snapshot& snapshot, Findings& findings) {
  std::vector<uint64_t> pages;
  for (auto& range : snapshot.held)
    for (uint64_t address = range.start; address < range.end; address += kPageSize) pages.push_back(memory::page_number(address));
  std::byte* now = state.chunk_buffer(0);
  std::byte* wanted = state.chunk_buffer(1);
  for (size_t begin = 0; begin < pages.size() && !findings.full(); begin += EngineState::kChunk) {
    const auto chunk = std::span(pages).subspan(begin, std::min(EngineState::kChunk, pages.size() - begin));
    state.process.memory().read_pages(chunk, now, [&](size_t, uint64_t page) { findings.add("memory", page_text(page) + " cannot be read"); });
    state.content(snapshot.pages, chunk, wanted);
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (memcmp(now + i * kPageSize, wanted + i * kPageSize, kPageSize) == 0) continue;
      blank_rseq(snapshot, chunk[i], now + i * kPageSize);
      blank_rseq(snapshot, chunk[i], wanted + i * kPageSize);
      if (state.any_thread_id) {
        blank_thread_ids(snapshot, chunk[i], now + i * kPageSize);
        blank_thread_ids(snapshot, chunk[i], wanted + i * kPageSize);
      }
      if (memcmp(now + i * kPageSize, wanted + i * kPageSize, kPageSize) != 0) findings.add("memory", page_text(chunk[i]) + " differs");
    }
  }
  // What the snapshot does not hold must read as zero, or as the file.
  for (const auto& vma : snapshot.maps) {
    if (vma.shared || vma.is_file()) continue;
    const auto surplus = util::subtract(state.pagemap->present_ranges(vma.range()), snapshot.held);
    for (auto& range : surplus) {
      for (uint64_t address = range.start; address < range.end && !findings.full(); address += kPageSize) {
        state.process.memory().read(address, now, kPageSize);
        if (memcmp(now, memory::PageStore::zero_page(), kPageSize) != 0) findings.add("memory", page_text(memory::page_number(address)) + " should be empty");
      }
    }
  }
}

}  // namespace

std::vector<Warning> require_restored(EngineState& state, const Snapshot& target, std::span<const uint64_t> written) {
  std::vector<Warning> told;
  auto fail = [](std::string what) { throw util::CodedError(util::kRollbackFailed, std::move(what), "check"); };
  for (auto& [tid, saved] : target.threads) {
    auto& tracee = state.process.at(tid);
    if (!tracee.has_registers(saved.registers)) fail("the registers of thread " + std::to_string(tid) + " are not the snapshot's");
    if (tracee.signal_mask() != saved.signal_mask) fail("the signal mask of thread " + std::to_string(tid) + " is not the snapshot's");
    // Some kernels take no protection keys from a debugger.
    if (tracee.xstate() != saved.xstate) told.push_back({"registers", "The vector and floating-point registers of thread " + std::to_string(tid) + ", or its protection keys, could not be put back."});
  }
  for (auto& line : resources::compare_open_descriptors(state.process, target.state.descriptors)) told.push_back({"descriptor", std::move(line)});
  // Others each time, first and last always. A page with a thread's new id in it differs on purpose.
  constexpr size_t kLooks = 12;
  if (written.empty() || state.any_thread_id) return told;
  std::vector<uint64_t> pages;
  const size_t stride = std::max<size_t>(1, written.size() / kLooks), shift = state.light_checks++ % stride;
  pages.push_back(written.front());
  for (size_t i = shift; i < written.size(); i += stride)
    if (written[i] > pages.back()) pages.push_back(written[i]);
  if (written.back() > pages.back()) pages.push_back(written.back());
  std::byte* now = state.chunk_buffer(0);
  std::byte* wanted = state.chunk_buffer(1);
  std::vector<bool> unreadable(pages.size());
  state.process.memory().read_pages(pages, now, [&](size_t index, uint64_t) { unreadable[index] = true; });
  state.content(target.pages, pages, wanted);
  for (size_t i = 0; i < pages.size(); ++i)
    if (!unreadable[i] && memcmp(now + i * kPageSize, wanted + i * kPageSize, kPageSize) != 0) fail(page_text(pages[i]) + " is not the snapshot's");
  return told;
}

std::vector<Difference> verify(EngineState& state, const Snapshot& snapshot) {
  Findings findings;
  compare_threads(state, snapshot, findings);
  const auto maps = tracked_maps(state.process);
  for (auto& line : compare_layout(maps, snapshot.maps)) findings.add("layout", line);
  if (snapshot.attributes)
    for (auto& line : compare_memory_attributes(read_memory_attributes(state.process.pid(), *state.pagemap, maps), *snapshot.attributes)) findings.add("layout", line);
  compare_memory(state, snapshot, findings);
  for (auto& line : resources::compare_process_state(state.process, snapshot.state)) findings.add("state", line);
  // Last: the program may watch a file being read (inotify).
  for (auto& line : state.hooks.files->compare(snapshot.state.files)) findings.add("files", line);
  resources::take_own_events(state.process, snapshot.state.events.inotifies);
  return findings.take();
}

}  // namespace rollpoint::snapshot
