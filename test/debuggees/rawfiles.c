// Files changed by system calls that no function of the C library makes by its name: syscall(2), called, jumped to and with
// a number in a variable, instructions of the program's own, a function of its own that takes the number last.
#include "state.h"

#include <fcntl.h>
#include <sys/stat.h>

static long by_variable(long number, const char* a, long b, long c) { return syscall(number, a, b, c); }

__attribute__((noipa, optimize("O2"))) static long by_jump(const char* from, const char* to) {
  return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static long by_instruction(const char* name) {
  long result;
  __asm__ volatile("mov $87, %%eax; syscall" : "=a"(result) : "D"(name) : "rcx", "r11", "memory");  // SYS_unlink
  return result;
}

// As cancellation points of glibc since 2.41.
__attribute__((noipa, optimize("O2"))) static long by_seventh(long a, long b, long c, long d, long e, long f, long number) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

__attribute__((noipa, optimize("O2"))) static long make_by_seventh(const char* name) {
  return by_seventh(AT_FDCWD, (long)name, O_WRONLY | O_CREAT | O_TRUNC, 0600, 0, 0, SYS_openat);
}

// As musl has it.
__attribute__((noipa, optimize("O2"))) static long by_first(long number, long a, long b, long c, long d, long e, long f) { return by_seventh(a, b, c, d, e, f, number); }

__attribute__((noipa, optimize("O2"))) static long open_by_first(const char* name, long flags) {
  return by_first(SYS_open, (long)name, flags, 0600, 0, 0, 0);
}

static void put(long descriptor, const char* text) {
  must("open", descriptor);
  must("write", write((int)descriptor, text, strlen(text)));
  close((int)descriptor);
}

static void holds(const char* name, const char* wanted) {
  char text[64] = {0};
  const int fd = open(name, O_RDONLY);
  if (fd >= 0) must("read", read(fd, text, sizeof text - 1));
  close(fd);
  check_text(name, fd < 0 ? "(absent)" : text, wanted);
}

void set_up(void) {
  const char* names[] = {"called", "variable", "seventh", "first", "jumped", "removed"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) put(open(names[i], O_WRONLY | O_CREAT, 0600), "original\n");
}

void check_original(void) {
  const char* names[] = {"called", "variable", "seventh", "first", "jumped", "removed"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) holds(names[i], "original\n");
  holds("moved", "(absent)");
  holds("made", "(absent)");
}

void change(void) {
  put(syscall(SYS_openat, AT_FDCWD, "called", O_WRONLY | O_TRUNC), "called\n");
  put(syscall(SYS_openat, AT_FDCWD, "made", O_WRONLY | O_CREAT, 0600), "made\n");
  put(by_variable(SYS_open, "variable", O_WRONLY | O_TRUNC, 0), "variable\n");
  check("a call that is of no interest", by_variable(SYS_getpid, NULL, 0, 0), getpid());
  put(make_by_seventh("seventh"), "seventh\n");
  put(open_by_first("first", O_WRONLY | O_TRUNC), "first\n");
  must("renameat2", by_jump("jumped", "moved"));
  must("unlink", by_instruction("removed"));
}

void check_changed(void) {
  holds("called", "called\n");
  holds("made", "made\n");
  holds("variable", "variable\n");
  holds("seventh", "seventh\n");
  holds("first", "first\n");
  holds("jumped", "(absent)");
  holds("moved", "original\n");
  holds("removed", "(absent)");
}

void change_otherwise(void) {
  put(make_by_seventh("moved"), "otherwise\n");
  must("renameat2", by_jump("called", "removed"));
}

void clean_up(void) {
  const char* names[] = {"called", "made", "variable", "seventh", "first", "moved"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
}
