// Runs a command as a container does that was started with --cap-add=SYS_PTRACE: under a seccomp filter that answers system
// calls with an error, as Docker's own does. With --no-ptrace before the command as one that was started without.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANSWER(number, error)                                    \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),           \
  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

int main(int count, char** words) {
  const int without = count > 1 && strcmp(words[1], "--no-ptrace") == 0;
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    // The C library is to use clone, whose flags a filter can see.
    ANSWER(SYS_clone3, ENOSYS),
    ANSWER(SYS_userfaultfd, EPERM),
    ANSWER(SYS_unshare, EPERM),
    ANSWER(SYS_setns, EPERM),
    ANSWER(SYS_mount, EPERM),
    ANSWER(SYS_get_mempolicy, EPERM),
    ANSWER(SYS_set_mempolicy, EPERM),
    ANSWER(SYS_mbind, EPERM),
    ANSWER(SYS_bpf, EPERM),
    ANSWER(SYS_perf_event_open, EPERM),
    ANSWER(SYS_io_uring_setup, EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_filter no_ptrace[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ANSWER(SYS_ptrace, EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  struct sock_fprog further = {sizeof no_ptrace / sizeof *no_ptrace, no_ptrace};
  words += 1 + without;
  if (count < 2 + without) return 2;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 ||
      (without && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &further) != 0)) {
    perror("seccomp");
    return 1;
  }
  execvp(words[0], words);
  perror(words[0]);
  return 1;
}
