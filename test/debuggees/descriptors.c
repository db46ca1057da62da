// Changes its descriptor table between two calls of at_step: usage `descriptors FILE`. FILE is written before and read after.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) void at_step(int step) {
  __asm__ volatile("" : : "r"(step) : "memory"); // @step
}

int main(int argc, char** argv) {
  char text[8] = {0};
  int file = open(argv[argc - 1], O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || write(file, "abcdefghij", 10) != 10 || lseek(file, 4, SEEK_SET) != 4) {
    return 1;
  }
  int shared = dup(file);
  int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int null = open("/dev/null", O_WRONLY);
  at_step(1);
  if (read(shared, text, 3) != 3 || strcmp(text, "efg") != 0 || write(1, "read\n", 5) != 5) {
    return 2;
  }
  close(file);
  close(1);
  close(2);
  close(directory);
  dup2(shared, 20);
  dup2(20, null);
  fcntl(shared, F_SETFL, O_APPEND);
  open("/etc/passwd", O_RDONLY);
  at_step(2);
  return 0;
}
