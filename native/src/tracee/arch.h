// Everything about x86-64 that the core relies on: instruction bytes, restart codes, which calls see a stop.
// Another architecture is a second file like this one.
#pragma once

#include <errno.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include <array>
#include <cstdint>

namespace rollpoint::arch {

using GeneralRegisters = user_regs_struct;

inline constexpr uint8_t kBreakpointByte = 0xcc;
inline constexpr std::array<uint8_t, 2> kSyscallInstruction{0x0f, 0x05};
inline constexpr uint64_t kSyscallLength = 2;
/// Below the stack pointer the ABI lets leaf functions keep data.
inline constexpr uint64_t kRedZone = 128;

// In-kernel codes that a stopped thread shows in rax when it was interrupted inside a system call
// (include/linux/errno.h).
inline constexpr int64_t kRestartSys = -512, kRestartNoIntr = -513, kRestartNoHand = -514, kRestartBlock = -516;

/// A thread that shows this waits in its call: the kernel issues that again.
inline bool waits_on(int64_t result) { return result == kRestartSys || result == kRestartNoIntr || result == kRestartNoHand || result == kRestartBlock; }
/// At the edge of a call: it has not begun, or a stop of ours has ended it.
inline bool may_wait_on(int64_t result) { return result == -ENOSYS || result == -EINTR; }

inline bool in_interrupted_syscall(const GeneralRegisters& r) { return static_cast<int64_t>(r.orig_rax) >= 0; }

/// Calls that the kernel never restarts after a stop, though no signal was delivered (signal(7)); they come back
/// with EINTR that the program would not see without a debugger.
inline bool stop_causes_eintr(uint64_t number) {
  switch (number) {
    case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_epoll_pwait2:
    case SYS_semop: case SYS_semtimedop: case SYS_rt_sigtimedwait: case SYS_io_getevents:
    case SYS_recvfrom: case SYS_recvmsg: case SYS_recvmmsg: case SYS_accept: case SYS_accept4:
    case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg: case SYS_connect:
    case SYS_read: case SYS_readv: case SYS_write: case SYS_writev:  // of a socket with SO_RCVTIMEO or SO_SNDTIMEO
    case SYS_io_uring_enter: case SYS_io_pgetevents:
      return true;
    default: return false;
  }
}

/// For loops that wait for another processor.
inline void relax() { __builtin_ia32_pause(); }

/// Registers that issue system call `number` again from its first instruction.
inline void rewind_syscall(GeneralRegisters& r, uint64_t number) {
  r.rax = number;
  r.rip -= kSyscallLength;
  r.orig_rax = static_cast<uint64_t>(-1);
}

/// Loads each {number, a[6], result} of an array at rbx, runs it, stores rax, r12 times; then int3.
/// rcx and r11 are lost to the syscall instruction, so the loop keeps nothing there.
inline constexpr std::array<uint8_t, 45> kSyscallLoop{
    0x48, 0x8b, 0x03,        // mov  (%rbx),%rax
    0x48, 0x8b, 0x7b, 0x08,  // mov  8(%rbx),%rdi
    0x48, 0x8b, 0x73, 0x10,  // mov  16(%rbx),%rsi
    0x48, 0x8b, 0x53, 0x18,  // mov  24(%rbx),%rdx
    0x4c, 0x8b, 0x53, 0x20,  // mov  32(%rbx),%r10
    0x4c, 0x8b, 0x43, 0x28,  // mov  40(%rbx),%r8
    0x4c, 0x8b, 0x4b, 0x30,  // mov  48(%rbx),%r9
    0x0f, 0x05,              // syscall
    0x48, 0x89, 0x43, 0x38,  // mov  %rax,56(%rbx)
    0x48, 0x83, 0xc3, 0x40,  // add  $64,%rbx
    0x49, 0xff, 0xcc,        // dec  %r12
    0x75, 0xd6,              // jnz  start
    0xcc, 0x0f, 0x05};       // int3; spare syscall instruction for threads that are to exit
inline constexpr uint64_t kSyscallLoopSpare = 43;

/// Copies the pages whose addresses stand in an array at rbx, r12 of them, to the slots at r13, and zeroes each address when
/// its page is there; then int3. Slot r14, and on, with the bits of r15, once that is below the word at rbp: where it takes too
/// long (some 100 µs) it stops with r12 not zero, and goes on when it is resumed. Each page lies somewhere else, so the next
/// one is fetched ahead: its address in the TLB, and what the processor needs to see a row.
inline constexpr std::array<uint8_t, 89> kGatherLoop{
    0xb9, 0x00, 0x10, 0x00, 0x00,              // start: mov $4096,%ecx
    0x4c, 0x3b, 0x75, 0x00,                    // wait: cmp (%rbp),%r14
    0x72, 0x09,                                // jb   ready
    0xf3, 0x90,                                // pause
    0xff, 0xc9,                                // dec  %ecx
    0x75, 0xf4,                                // jnz  wait
    0xcc,                                      // int3
    0xeb, 0xec,                                // jmp  start
    0x48, 0x8b, 0x33,                          // ready: mov (%rbx),%rsi
    0x48, 0x8b, 0x53, 0x08,                    // mov  8(%rbx),%rdx: the next one; behind the last anything will do
    0x0f, 0x18, 0x0a,                          // prefetcht0  (%rdx)
    0x0f, 0x18, 0x4a, 0x40,                    // prefetcht0  64(%rdx)
    0x0f, 0x18, 0x8a, 0x80, 0x00, 0x00, 0x00,  // prefetcht0  128(%rdx)
    0x0f, 0x18, 0x8a, 0xc0, 0x00, 0x00, 0x00,  // prefetcht0  192(%rdx)
    0x4c, 0x89, 0xf7,                          // mov  %r14,%rdi
    0x4c, 0x21, 0xff,                          // and  %r15,%rdi
    0x48, 0xc1, 0xe7, 0x0c,                    // shl  $12,%rdi
    0x4c, 0x01, 0xef,                          // add  %r13,%rdi
    0xb9, 0x00, 0x02, 0x00, 0x00,              // mov  $512,%ecx
    0xf3, 0x48, 0xa5,                          // rep movsq
    0x48, 0xc7, 0x03, 0x00, 0x00, 0x00, 0x00,  // movq $0,(%rbx): done
    0x48, 0x83, 0xc3, 0x08,                    // add  $8,%rbx
    0x49, 0xff, 0xc6,                          // inc  %r14
    0x49, 0xff, 0xcc,                          // dec  %r12
    0x75, 0xa8,                                // jnz  start
    0xcc};                                     // int3
/// The other way: what stands at rsi, page after page, goes to those addresses, each once the word at rbx + r13 is zero.
/// Where that takes too long (some 100 µs) it stops with r12 not zero, and goes on when it is resumed.
inline constexpr std::array<uint8_t, 67> kScatterLoop{
    0x48, 0x8b, 0x3b,                          // mov  (%rbx),%rdi
    0x48, 0x8b, 0x53, 0x08,                    // mov  8(%rbx),%rdx: the next one; behind the last anything will do
    0x0f, 0x0d, 0x0a,                          // prefetchw  (%rdx)
    0x0f, 0x0d, 0x4a, 0x40,                    // prefetchw  64(%rdx)
    0x0f, 0x0d, 0x8a, 0x80, 0x00, 0x00, 0x00,  // prefetchw  128(%rdx)
    0x0f, 0x0d, 0x8a, 0xc0, 0x00, 0x00, 0x00,  // prefetchw  192(%rdx)
    0xb9, 0x00, 0x10, 0x00, 0x00,              // mov  $4096,%ecx
    0x4a, 0x83, 0x3c, 0x2b, 0x00,              // wait: cmpq $0,(%rbx,%r13)
    0x74, 0x09,                                // je   ready
    0xf3, 0x90,                                // pause
    0xff, 0xc9,                                // dec  %ecx
    0x75, 0xf3,                                // jnz  wait
    0xcc,                                      // int3
    0xeb, 0xcf,                                // jmp  start
    0xb9, 0x00, 0x02, 0x00, 0x00,              // ready: mov $512,%ecx
    0xf3, 0x48, 0xa5,                          // rep movsq
    0x48, 0x83, 0xc3, 0x08,                    // add  $8,%rbx
    0x49, 0xff, 0xcc,                          // dec  %r12
    0x75, 0xbe,                                // jnz  start
    0xcc};                                     // int3
/// pause(2) for ever.
inline constexpr std::array<uint8_t, 9> kPauseLoop{
    0xb8, 0x22, 0x00, 0x00, 0x00,  // start: mov $34,%eax
    0x0f, 0x05,                    // syscall
    0xeb, 0xf7};                   // jmp start
inline constexpr uint16_t kElfMachine = 62;  // EM_X86_64
// In the scratch page, behind the system call loop.
inline constexpr uint64_t kGatherLoopOffset = 64, kScatterLoopOffset = 192;

/// In our own process: a thread that ends with its first instruction, before it could touch the stack that it shares with
/// its maker. Its id, or -errno.
inline long make_vanishing_thread() {
  constexpr long kFlags = 0x00000100 | 0x00000200 | 0x00000400 | 0x00000800 | 0x00010000 | 0x00040000;  // CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM
  long result;
  register long parent_tid asm("rdx") = 0, child_tid asm("r10") = 0, tls asm("r8") = 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%edi, %%edi\n\t"
      "mov $60, %%eax\n\t"
      "syscall\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(kFlags), "S"(0), "r"(parent_tid), "r"(child_tid), "r"(tls)
      : "rcx", "r11", "memory", "cc");
  return result;
}

}  // namespace rollpoint::arch
