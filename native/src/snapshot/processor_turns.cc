#include "snapshot/processor_turns.h"

namespace rollpoint::snapshot {

namespace {

constexpr int kEnough = 3;  // processors: then there is one for everybody

void put(const cpu_set_t& set) { sched_setaffinity(0, sizeof set, &set); }

}  // namespace

ProcessorTurns::ProcessorTurns(int processor) {
  if (processor < 0 || sched_getaffinity(0, sizeof all_, &all_) < 0 || !CPU_ISSET(processor, &all_)) return;
  matters_ = CPU_COUNT(&all_) > 1 && CPU_COUNT(&all_) < kEnough;
  CPU_ZERO(&one_);
  CPU_SET(processor, &one_);
  CPU_XOR(&others_, &all_, &one_);
}

ProcessorTurns::~ProcessorTurns() { end(); }

void ProcessorTurns::place(const cpu_set_t& set) {
  if (!matters_) return;
  put(set);
  placed_ = true;
}

void ProcessorTurns::take_turns() { place(one_); }
void ProcessorTurns::work_at_once() { place(others_); }

void ProcessorTurns::end() {
  if (placed_) put(all_);
  placed_ = false;
}

void ProcessorTurns::join() const {
  if (matters_) put(others_);
}

void ProcessorTurns::leave() const {
  if (matters_) put(all_);
}

}  // namespace rollpoint::snapshot
