// Talks over its standard streams: tells its arguments, directory, variable GREETING and terminal, then echoes lines.
// Each line comes back on stdout as `out: …` and on stderr as `err: …`; `size` tells the window size; ends at EOF with 5.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  char line[4096];
  const char* greeting = getenv("GREETING");
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; ++i) {
    printf("arg %d: %s\n", i, argv[i]);
  }
  printf("cwd: %s\n", getcwd(line, sizeof line));
  printf("greeting: %s\n", greeting ? greeting : "(unset)");
  printf("terminal: %d %d %d\n", isatty(0), isatty(1), isatty(2)); // @ready
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (strcmp(line, "size") == 0) {
      struct winsize size;
      memset(&size, 0, sizeof size);
      ioctl(1, TIOCGWINSZ, &size);
      printf("size: %d x %d\n", size.ws_row, size.ws_col);
      continue;
    }
    printf("out: %s\n", line); // @line
    fprintf(stderr, "err: %s\n", line);
  }
  puts("end of input");
  return 5;
}
