// Signal-driven I/O: who is told of a descriptor (F_SETOWN, F_SETOWN_EX), by which signal (F_SETSIG), and whether (O_ASYNC).
// See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/socket.h>

static int told[2], quiet[2], shared[2], group[2], gone[2], later[2], pair[2], watch = -1, lease = -1;

static void own(int fd, int type, pid_t id) {
  const struct f_owner_ex owner = {(enum __pid_type)type, id};
  must("F_SETOWN_EX", fcntl(fd, F_SETOWN_EX, &owner));
}

static void owned(const char* what, int fd, int type, pid_t id, int signal, int async) {
  struct f_owner_ex owner;
  must(what, fcntl(fd, F_GETOWN_EX, &owner));
  check(what, owner.pid, id);
  if (id) check(what, (int)owner.type, type);
  check(what, fcntl(fd, F_GETSIG), signal);
  check(what, (fcntl(fd, F_GETFL) & O_ASYNC) != 0, async);
}

static void async(int fd, int on) { must("F_SETFL", fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL) & ~O_ASYNC) | (on ? O_ASYNC : 0))); }

static sigset_t signals(void) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 3; i < 8; ++i) sigaddset(&set, SIGRTMIN + i);
  sigaddset(&set, SIGIO);
  return set;
}

static int next_signal(siginfo_t* info) {
  const sigset_t set = signals();
  const struct timespec none = {0, 0};
  return sigtimedwait(&set, info, &none);
}

/** A byte that arrives at `fd` is told by `signal` and names it; nothing else was. */
static void tells(const char* what, int fd, int other, int signal) {
  siginfo_t info;
  char byte;
  check(what, next_signal(&info), -1);
  must(what, write(other, "!", 1));
  check(what, next_signal(&info), signal);
  check(what, info.si_fd, fd);
  must(what, read(fd, &byte, 1));
  while (next_signal(&info) != -1) continue;
}

void set_up(void) {
  const sigset_t set = signals();
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (int** p = (int*[]){told, quiet, shared, group, gone, later, NULL}; *p; ++p) must("pipe", pipe(*p));
  must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  own(told[0], F_OWNER_PID, getpid());
  must("F_SETSIG", fcntl(told[0], F_SETSIG, SIGRTMIN + 3));
  async(told[0], 1);
  must("F_SETSIG", fcntl(quiet[0], F_SETSIG, SIGRTMIN + 4));
  own(shared[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid));
  must("dup2", dup2(shared[0], 50));
  own(group[0], F_OWNER_PGRP, getpgrp());
  own(gone[0], F_OWNER_PID, getpid());
  must("F_SETSIG", fcntl(gone[0], F_SETSIG, SIGRTMIN + 5));
  async(gone[0], 1);
  must("F_SETOWN", fcntl(pair[0], F_SETOWN, getpid()));
  must("F_SETSIG", fcntl(pair[0], F_SETSIG, SIGRTMIN + 6));
  async(pair[0], 1);
  watch = (int)must("inotify", inotify_init1(O_NONBLOCK));
  own(watch, F_OWNER_PID, getpid());
  async(watch, 1);
  lease = (int)must("open", open("leased", O_RDONLY | O_CREAT, 0600));
  must("F_SETSIG", fcntl(lease, F_SETSIG, SIGRTMIN + 7));
  must("F_SETLEASE", fcntl(lease, F_SETLEASE, F_RDLCK));
}

void check_original(void) {
  const pid_t self = getpid();
  owned("told", told[0], F_OWNER_PID, self, SIGRTMIN + 3, 1);
  owned("quiet", quiet[0], F_OWNER_PID, 0, SIGRTMIN + 4, 0);
  owned("shared", shared[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid), 0, 0);
  owned("group", group[0], F_OWNER_PGRP, getpgrp(), 0, 0);
  owned("gone", gone[0], F_OWNER_PID, self, SIGRTMIN + 5, 1);
  owned("later", later[0], F_OWNER_PID, 0, 0, 0);
  owned("pair", pair[0], F_OWNER_PID, self, SIGRTMIN + 6, 1);
  owned("watch", watch, F_OWNER_PID, self, 0, 1);
  owned("lease", lease, F_OWNER_PID, self, SIGRTMIN + 7, 1);  // a lease sets the flag
  check("lease", fcntl(lease, F_GETLEASE), F_RDLCK);
  tells("told", told[0], told[1], SIGRTMIN + 3);
  tells("gone", gone[0], gone[1], SIGRTMIN + 5);
  tells("pair", pair[0], pair[1], SIGRTMIN + 6);
}

void change(void) {
  own(told[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid));
  must("F_SETSIG", fcntl(told[0], F_SETSIG, SIGRTMIN + 6));
  must("F_SETSIG", fcntl(quiet[0], F_SETSIG, 0));
  own(quiet[0], F_OWNER_PID, getpid());
  own(50, F_OWNER_PID, 0);
  own(group[0], F_OWNER_PID, getpid());
  close(gone[0]);
  close(gone[1]);
  own(later[0], F_OWNER_PID, getpid());
  must("F_SETSIG", fcntl(later[0], F_SETSIG, SIGRTMIN + 4));
  async(later[0], 1);
  async(pair[0], 0);
  async(watch, 0);
  close(lease);
}

void check_changed(void) {
  owned("told", told[0], F_OWNER_TID, (pid_t)syscall(SYS_gettid), SIGRTMIN + 6, 1);
  owned("quiet", quiet[0], F_OWNER_PID, getpid(), 0, 0);
  owned("shared", shared[0], F_OWNER_PID, 0, 0, 0);
  owned("group", group[0], F_OWNER_PID, getpid(), 0, 0);
  owned("later", later[0], F_OWNER_PID, getpid(), SIGRTMIN + 4, 1);
  owned("pair", pair[0], F_OWNER_PID, getpid(), SIGRTMIN + 6, 0);
  owned("watch", watch, F_OWNER_PID, getpid(), 0, 0);
  tells("told", told[0], told[1], SIGRTMIN + 6);
  tells("later", later[0], later[1], SIGRTMIN + 4);
}

void change_otherwise(void) {
  close(told[0]);
  close(pair[0]);
  own(gone[0], F_OWNER_PID, 0);
  async(quiet[0], 1);
}

void clean_up(void) { must("unlink", unlink("leased")); }
