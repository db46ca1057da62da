// Folders that the program is in, or has open, and removes; folders with other rights. See state.h for the frame.
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int opened;

static long rights(const char* name) {
  struct stat info;
  must(name, stat(name, &info));
  return info.st_mode & 07777;
}

void set_up(void) {
  must("mkdir", mkdir("current", 0755));
  must("mkdir", mkdir("opened", 0755));
  must("mkdir", mkdir("closed to others", 0755));
  opened = (int)must("open", open("opened", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must("chdir", chdir("current"));
}

void check_original(void) {
  char path[4096];
  check_true("getcwd", getcwd(path, sizeof path) != NULL);
  close((int)must("open", open("here", O_WRONLY | O_CREAT, 0600)));
  must("by its name", unlink("../current/here"));
  close((int)must("openat", openat(opened, "there", O_WRONLY | O_CREAT, 0600)));
  must("by its name", unlink("../opened/there"));
  check("close-on-exec", fcntl(opened, F_GETFD), FD_CLOEXEC);
  check("rights", rights("../closed to others"), 0755);
}

void change(void) {
  must("chdir", chdir(".."));
  must("rmdir", rmdir("current"));
  must("rmdir", rmdir("opened"));
  must("chmod", chmod("closed to others", 0700));
}

void check_changed(void) {
  check("current", access("current", F_OK), -1);
  check("opened", openat(opened, "there", O_WRONLY | O_CREAT, 0600), -1);
  check("rights", rights("closed to others"), 0700);
}

void clean_up(void) { must("rmdir", rmdir("closed to others")); }
