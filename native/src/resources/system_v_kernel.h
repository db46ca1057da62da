// What semctl(2) and shmat(2) want for themselves. For system_v*.cc alone.
#pragma once

#include <sys/sem.h>
#include <sys/shm.h>

namespace rollpoint::resources {

union Argument {  // semctl(2)
  int value;
  semid_ds* description;
  unsigned short* array;
  seminfo* information;
};

// Nobody of the program has it attached, so it is no memory of a snapshot: we attach it ourselves for the moment.
class OurView {
 public:
  OurView(int id, int flags) : at_(static_cast<char*>(shmat(id, nullptr, flags))) {}
  ~OurView() {
    if (*this) shmdt(at_);
  }
  OurView(const OurView&) = delete;
  explicit operator bool() const { return at_ != reinterpret_cast<char*>(-1); }
  char* data() const { return at_; }

 private:
  char* at_;
};

}  // namespace rollpoint::resources
