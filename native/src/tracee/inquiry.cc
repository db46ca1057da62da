#include "tracee/inquiry.h"

#include <cerrno>
#include <cstring>

#include "util/error.h"

namespace rollpoint::tracee {

void Inquiry::ask(const RemoteCall& call, int64_t& answer) {
  calls_.push_back(call);
  answers_.push_back(&answer);
}

void Inquiry::call(const RemoteCall& call) {
  calls_.push_back(call);
  answers_.push_back(nullptr);
}

uint64_t Inquiry::room(void* into, size_t size) {
  constexpr size_t kAlignment = 16;
  const size_t offset = used_;
  used_ += (size + kAlignment - 1) & ~(kAlignment - 1);
  if (used_ > remote_.buffer_size()) throw util::SysError("ask the program so much at once", ENOMEM);
  rooms_.push_back({into, offset, size});
  return remote_.buffer() + offset;
}

void Inquiry::run() {
  std::vector<std::byte> buffer(used_);
  for (auto& room : rooms_) memcpy(buffer.data() + room.offset, room.into, room.size);
  if (used_) remote_.put(buffer.data(), used_);
  remote_.batch(calls_);
  if (used_) remote_.get(buffer.data(), used_);
  for (auto& room : rooms_) memcpy(room.into, buffer.data() + room.offset, room.size);
  for (size_t i = 0; i < calls_.size(); ++i) 
    if (answers_[i]) *answers_[i] = calls_[i].result;
  for (auto& use : uses_) use();
}

}  // namespace rollpoint::tracee
