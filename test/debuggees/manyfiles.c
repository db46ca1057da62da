// Makes three hundred files: more than a debugger with few descriptors can keep track of.
#include "state.h"

#include <fcntl.h>

enum { kFiles = 300 };

static void each(void (*work)(const char* name)) {
  char name[16];
  for (int i = 0; i < kFiles; ++i) {
    snprintf(name, sizeof name, "f%d", i);
    work(name);
  }
}

static void make(const char* name) {
  int fd = (int)must("open", open(name, O_WRONLY | O_CREAT, 0600));
  check("write", write(fd, name, strlen(name)), (long)strlen(name));
  must("close", close(fd));
}

static void is_there(const char* name) { must(name, access(name, F_OK)); }

static void take_away(const char* name) { must(name, unlink(name)); }

void set_up(void) {}
void check_original(void) {}
void change(void) { each(make); }
void check_changed(void) { each(is_there); }
void clean_up(void) { each(take_away); }
