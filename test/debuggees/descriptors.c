// The descriptor table: opened, closed, duplicated and renumbered, flags and close-on-exec, shared offsets, a directory
// that is part-read. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <sys/stat.h>

static int file, shared, null_device, directory;
static char first_entry[256];

static int next_entry(int from, char* name) {
  char buffer[512];
  long size = syscall(SYS_getdents64, from, buffer, 64);
  if (size <= 0) return 0;
  strcpy(name, buffer + 19);
  return 1;
}

void set_up(void) {
  must("mkdir", mkdir("d", 0700));
  for (int i = 0; i < 20; ++i) {
    char name[16];
    snprintf(name, sizeof name, "d/%d", i);
    must("close", close((int)must("create", creat(name, 0600))));
  }
  file = (int)must("open", open("file", O_RDWR | O_CREAT, 0600));
  check("write", write(file, "abcdefghij", 10), 10);
  must("lseek", lseek(file, 4, SEEK_SET));
  shared = (int)must("dup", dup(file));
  directory = (int)must("open directory", open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check_true("an entry", next_entry(directory, first_entry));
  null_device = (int)must("open null", open("/dev/null", O_WRONLY));
}

static void check_flags(const char* what, int number, int status, int descriptor) {
  check(what, must(what, fcntl(number, F_GETFL)) & (O_ACCMODE | O_APPEND | O_NONBLOCK), status);
  check(what, must(what, fcntl(number, F_GETFD)), descriptor);
}

void check_original(void) {
  char text[8] = {0}, name[256];
  check_flags("flags of the file", file, O_RDWR, 0);
  check_flags("flags of the directory", directory, O_RDONLY, FD_CLOEXEC);
  check_flags("flags of /dev/null", null_device, O_WRONLY, 0);
  check("number 20 is free", fcntl(20, F_GETFD), -1);
  check("position", lseek(file, 0, SEEK_CUR), 4);
  check("read by the duplicate", read(shared, text, 3), 3);
  check_text("what was read", text, "efg");
  check("position is shared", lseek(file, 0, SEEK_CUR), 7);
  check("write to /dev/null", write(null_device, "x", 1), 1);
  int entries = 0;
  while (next_entry(directory, name)) {
    check_true("the first entry does not come again", strcmp(name, first_entry) != 0);
    ++entries;
  }
  check_true("the rest of the directory", entries > 0);
  struct stat status;
  must("fstat", fstat(directory, &status));
  check_true("the directory is one", S_ISDIR(status.st_mode));
}

void change(void) {
  must("close", close(file));
  must("close", close(directory));
  must("dup2", dup2(shared, 20));
  must("dup2", dup2(20, null_device));
  must("F_SETFL", fcntl(shared, F_SETFL, O_APPEND));
  must("F_SETFD", fcntl(20, F_SETFD, FD_CLOEXEC));
  check("lowest free number", open("/etc/passwd", O_RDONLY), file);
}

void check_changed(void) {
  check_flags("flags of the duplicate", shared, O_RDWR | O_APPEND, 0);
  check_flags("flags of number 20", 20, O_RDWR | O_APPEND, FD_CLOEXEC);
  check_flags("flags of the late file", file, O_RDONLY, 0);
  check("the directory is closed", fcntl(directory, F_GETFD), -1);
  must("lseek", lseek(null_device, 7, SEEK_SET));
  check("position is shared by three", lseek(shared, 0, SEEK_CUR), 7);
}

void change_otherwise(void) {
  must("close", close(shared));
  must("close", close(null_device));
  must("dup2", dup2(directory, file));
}

void clean_up(void) {
  for (int i = 0; i < 20; ++i) {
    char name[16];
    snprintf(name, sizeof name, "d/%d", i);
    must("unlink", unlink(name));
  }
  must("unlink", unlink("file"));
  must("rmdir", rmdir("d"));
}
