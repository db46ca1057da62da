#include "resources/courier.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "util/error.h"

namespace rollpoint::resources {

namespace {
// Numbers below belong to the program; temporaries must not land on one that is to come back.
constexpr uint64_t kAside = 512;
constexpr uint64_t kRoom = 8;
}  // namespace

Courier::Courier(tracee::Process& process) : pid_(process.pid()), aside_(kAside), remote_(process) {
  if (prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit_) == 0 && limit_.rlim_cur < kAside + kRoom) {
    const rlimit more{std::min<rlim_t>(limit_.rlim_max, kAside + kRoom), limit_.rlim_max};
    raised_ = prlimit(pid_, RLIMIT_NOFILE, &more, nullptr) == 0;
    aside_ = (raised_ ? more.rlim_cur : limit_.rlim_cur) - std::min<rlim_t>(kRoom, limit_.rlim_cur / 2);
  }
  remote_.require("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, remote_.buffer());
  remote_.get(theirs_, sizeof theirs_);
  for (int& end : theirs_) {
    const auto moved = remote_.require("fcntl", SYS_fcntl, static_cast<uint64_t>(end), F_DUPFD_CLOEXEC, aside_);
    remote_.call(SYS_close, static_cast<uint64_t>(end));
    end = static_cast<int>(moved);
  }
  ours_.reset(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), theirs_[0], 0)));
  if (!ours_) throw util::SysError("pidfd_getfd", errno);
}

Courier::~Courier() {
  for (int end : theirs_) {
    try {
      remote_.call(SYS_close, static_cast<uint64_t>(end));
    } catch (const util::CodedError&) {
      // The process is gone, and with it the descriptor.
    }
  }
  if (raised_) prlimit(pid_, RLIMIT_NOFILE, &limit_, nullptr);
}

void Courier::deliver(int fd, int number, bool close_on_exec) {
  send(fd);
  const int received = receive();
  if (received == number) {
    remote_.require("fcntl", SYS_fcntl, static_cast<uint64_t>(number), F_SETFD, close_on_exec ? FD_CLOEXEC : 0);
    return;
  }
  remote_.require("dup3", SYS_dup3, static_cast<uint64_t>(received), static_cast<uint64_t>(number), close_on_exec ? O_CLOEXEC : 0);
  remote_.call(SYS_close, static_cast<uint64_t>(received));
}

int Courier::deliver_anywhere(int fd) {
  send(fd);
  const int received = receive();
  const auto moved = remote_.require("fcntl", SYS_fcntl, static_cast<uint64_t>(received), F_DUPFD_CLOEXEC, aside_);
  remote_.call(SYS_close, static_cast<uint64_t>(received));
  return static_cast<int>(moved);
}

void Courier::send(int fd) {
  char byte = 'd';
  iovec io{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(ours_.get(), &message, MSG_NOSIGNAL) < 0) throw util::SysError("sendmsg", errno);
}

int Courier::receive() {
  // msghdr, iovec, byte and control, laid out in the debuggee.
  struct {
    msghdr message;
    iovec io;
    char byte;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  } layout{};
  const uint64_t base = remote_.buffer();
  auto at = [&](const void* field) {
    return base + static_cast<uint64_t>(reinterpret_cast<const char*>(field) - reinterpret_cast<const char*>(&layout));
  };
  layout.io = {reinterpret_cast<void*>(at(&layout.byte)), 1};
  layout.message.msg_iov = reinterpret_cast<iovec*>(at(&layout.io));
  layout.message.msg_iovlen = 1;
  layout.message.msg_control = reinterpret_cast<void*>(at(layout.control));
  layout.message.msg_controllen = sizeof layout.control;
  remote_.put(&layout, sizeof layout);
  remote_.require("recvmsg", SYS_recvmsg, static_cast<uint64_t>(theirs_[1]), base, MSG_CMSG_CLOEXEC);
  remote_.get(&layout, sizeof layout);
  int fd;
  memcpy(&fd, layout.control + CMSG_LEN(0), sizeof fd);
  return fd;
}

}  // namespace rollpoint::resources
