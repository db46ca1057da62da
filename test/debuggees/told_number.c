// A program without a C library, all of whose calls go through a function that is told their number in a register, as in Go;
// but for one that it never makes.
// @flags -static -nostdlib -fno-stack-protector -fno-pie -no-pie
__attribute__((noinline)) void at_begin(void) { __asm__ volatile("" ::: "memory"); }  // @begin

__asm__(
    "int3\n"
    "any_call:\n"
    "mov %rsi, %r10\n"
    "mov %rdi, %rdx\n"
    "mov %rcx, %rsi\n"
    "mov %rbx, %rdi\n"
    "syscall\n"
    "ret\n"
    "int3\n"
    "never_called:\n"
    "mov $257, %eax\n"
    "syscall\n"
    "ret\n");

void _start(void) {
  at_begin();
  __asm__ volatile("mov $231, %eax; xor %ebx, %ebx; call any_call");
}
