// Runs a command as a container does that was started with --cap-add=SYS_PTRACE: under a seccomp filter that answers system
// calls with an error, as Docker's own does.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANSWER(number, error)                                    \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),           \
  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

int main(int count, char** words) {
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
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (count < 2) return 2;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("seccomp");
    return 1;
  }
  execvp(words[1], words + 1);
  perror(words[1]);
  return 1;
}
