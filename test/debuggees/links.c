// Files with several names, of which some go and others come; files opened again by the numbers of their descriptors
// (/proc/self/fd, /dev/fd). See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/stat.h>

static int first, reopened[2];
static ino_t inode;

static void put(const char* name, const char* text) {
  const int fd = (int)must(name, open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  must("write", write(fd, text, strlen(text)));
  close(fd);
}

static void holds(const char* name, const char* wanted) {
  char text[64] = {0};
  const int fd = open(name, O_RDONLY);
  if (fd >= 0) must("read", read(fd, text, sizeof text - 1));
  close(fd);
  check_text(name, fd < 0 ? "(absent)" : text, wanted);
}

static struct stat facts(const char* name) {
  struct stat info;
  must(name, stat(name, &info));
  return info;
}

static void overwrite(const char* how, int fd, const char* text) {
  char name[64];
  snprintf(name, sizeof name, how, fd);
  put(name, text);
}

void set_up(void) {
  put("one", "first");
  must("link", link("one", "two"));
  put("other", "other");
  inode = facts("one").st_ino;
  first = (int)must("open", open("one", O_RDWR | O_APPEND));
  put("by self", "original");
  put("by number", "original");
  reopened[0] = (int)must("open", open("by self", O_RDONLY));
  reopened[1] = (int)must("open", open("by number", O_RDONLY));
}

void check_original(void) {
  holds("one", "first");
  holds("two", "first");
  holds("three", "(absent)");
  holds("other", "other");
  check("inode of one", (long)facts("one").st_ino, (long)inode);
  check("inode of two", (long)facts("two").st_ino, (long)inode);
  must("write", write(first, "!", 1));
  holds("two", "first!");
  must("ftruncate", ftruncate(first, 5));
  holds("by self", "original");
  holds("by number", "original");
}

void change(void) {
  put("one", "through one");
  must("rename", rename("other", "one"));
  must("link", link("two", "three"));
  must("unlink", unlink("two"));
  put("three", "third");
  overwrite("/proc/self/fd/%d", reopened[0], "changed");
  overwrite("/dev/fd/%d", reopened[1], "changed");
}

void check_changed(void) {
  struct stat info;
  holds("one", "other");
  holds("two", "(absent)");
  holds("three", "third");
  check("inode of three", (long)facts("three").st_ino, (long)inode);
  must("fstat", fstat(first, &info));
  check("inode of the open one", (long)info.st_ino, (long)inode);
  holds("by self", "changed");
  holds("by number", "changed");
}

void clean_up(void) {
  const char* const names[] = {"one", "three", "by self", "by number"};
  for (int i = 0; i < 4; ++i) must(names[i], unlink(names[i]));
}
