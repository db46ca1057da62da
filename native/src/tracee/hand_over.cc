#include "tracee/hand_over.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <cstring>

#include "tracee/remote_syscalls.h"
#include "util/unique_fd.h"

namespace rollpoint::tracee {

namespace {

/// A message with one descriptor, laid out in one piece so that it can lie in the debuggee.
struct Message {
  msghdr header{};
  iovec io{};
  char byte = 'd';
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};

  explicit Message(uint64_t base) {
    auto at = [&](const void* field) { return reinterpret_cast<void*>(base + static_cast<uint64_t>(reinterpret_cast<const char*>(field) - reinterpret_cast<const char*>(this))); };
    io = {at(&byte), 1};
    header.msg_iov = static_cast<iovec*>(at(&io));
    header.msg_iovlen = 1;
    header.msg_control = at(control);
    header.msg_controllen = sizeof control;
  }
};

bool send(int socket, int fd) {
  Message message(0);
  message = Message(reinterpret_cast<uint64_t>(&message));
  auto* header = CMSG_FIRSTHDR(&message.header);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message.header, MSG_NOSIGNAL) == 1;
}

}  // namespace

int64_t hand_over(Process& process, int fd) {
  RemoteSyscalls remote(process);
  if (const auto result = remote.call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, remote.buffer()); result < 0) return result;
  int theirs[2];
  remote.get(theirs, sizeof theirs);
  int64_t received = -EBADF;
  if (util::UniqueFd ours(static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd(), theirs[0], 0))); ours && send(ours.get(), fd)) {
    Message message(remote.buffer());
    remote.put(&message, sizeof message);
    received = remote.call(SYS_recvmsg, static_cast<uint64_t>(theirs[1]), remote.buffer(), MSG_CMSG_CLOEXEC);
    if (received == 1) {
      remote.get(&message, sizeof message);
      int number;
      memcpy(&number, message.control + CMSG_LEN(0), sizeof number);
      received = number;
    }
  }
  RemoteCall close[] = {{SYS_close, {static_cast<uint64_t>(theirs[0])}}, {SYS_close, {static_cast<uint64_t>(theirs[1])}}};
  remote.batch(close);
  return received;
}

}  // namespace rollpoint::tracee
