// Regular files written, cut, mapped, made, renamed, replaced and unlinked, open or not.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int log_file, data, shared, gone, second, reading, has_extended;
static char* mapping;
static struct stat data_info, quiet_info;

static void put(const char* name, const char* text) {
  int fd = (int)must("open", open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640));
  must("write", write(fd, text, strlen(text)));
  close(fd);
}

static void content_is(const char* name, const char* wanted) {
  char text[256] = {0};
  int fd = open(name, O_RDONLY);
  if (fd < 0) state_fail(name, "cannot be opened");
  must("read", read(fd, text, sizeof text - 1));
  close(fd);
  if (strcmp(text, wanted) != 0) state_fail(name, text);
}

static void descriptor_holds(const char* what, int fd, const char* wanted) {
  char text[256] = {0};
  must("pread", pread(fd, text, sizeof text - 1, 0));
  if (strcmp(text, wanted) != 0) state_fail(what, text);
}

static void is_absent(const char* name) { check(name, access(name, F_OK), -1); }

/** "" where there is none. */
static void extended_is(const char* file, const char* name, const char* wanted) {
  char text[64] = {0};
  if (!has_extended) return;
  const long size = getxattr(file, name, text, sizeof text - 1);
  if (size < 0) check(name, errno, ENODATA);
  check_text(name, text, wanted);
}

static void extend(const char* file, const char* name, const char* value) {
  if (has_extended) must(name, setxattr(file, name, value, strlen(value), 0));
}

static long inode(const char* name) {
  struct stat info;
  must(name, stat(name, &info));
  return (long)info.st_ino;
}

void set_up(void) {
  log_file = (int)must("open", open("log", O_WRONLY | O_CREAT | O_APPEND, 0600));
  must("write", write(log_file, "one\n", 4));
  data = (int)must("open", open("data", O_RDWR | O_CREAT, 0600));
  must("write", write(data, "0123456789", 10));
  second = dup(data);
  must("lseek", lseek(data, 4, SEEK_SET));
  shared = (int)must("open", open("shared", O_RDWR | O_CREAT, 0600));
  must("ftruncate", ftruncate(shared, 8192));
  mapping = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  strcpy(mapping, "mapped");
  gone = (int)must("open", open("gone", O_RDWR | O_CREAT, 0600));
  must("write", write(gone, "unlinked", 8));
  must("unlink", unlink("gone"));
  put("kept", "kept\n");
  put("cut", "to be cut at its opening\n");
  put("removed", "removed\n");
  put("renamed", "renamed\n");
  put("replaced", "former\n");
  must("mkdir", mkdir("folder", 0700));
  put("folder/inside", "inside\n");
  must("mkdir", mkdir("becomes a file", 0700));
  put("becomes a folder", "a file\n");
  must("symlink", symlink("kept", "link"));
  has_extended = fsetxattr(data, "user.kind", "first", 5, 0) == 0;
  extend("data", "user.goes", "away");
  put("quiet", "quiet\n");
  extend("quiet", "user.kind", "quiet");
  extend("quiet", "user.goes", "");
  const struct timespec times[2] = {{1000000, 0}, {2000000, 5}};
  must("utimensat", utimensat(AT_FDCWD, "quiet", times, 0));
  put("read", "read\n");
  reading = (int)must("open", open("read", O_RDONLY));
  put("locked", "read only\n");
  extend("locked", "user.kind", "locked");
  must("chmod", chmod("locked", 0400));
  must("stat", stat("quiet", &quiet_info));
  must("fstat", fstat(data, &data_info));
}

void check_original(void) {
  struct stat info;
  content_is("log", "one\n");
  content_is("data", "0123456789");
  must("fstat", fstat(data, &info));
  check("mtime of data", info.st_mtim.tv_nsec, data_info.st_mtim.tv_nsec);
  check("mode of data", info.st_mode & 07777, 0600);
  extended_is("data", "user.kind", "first");
  extended_is("data", "user.goes", "away");
  extended_is("data", "user.new", "");
  extended_is("quiet", "user.kind", "quiet");
  extended_is("quiet", "user.new", "");
  content_is("quiet", "quiet\n");
  must("stat", stat("quiet", &info));
  check("mode of quiet", info.st_mode & 07777, 0640);
  check("mtime of quiet", info.st_mtim.tv_sec, 2000000);
  check("its fraction", info.st_mtim.tv_nsec, 5);
  extended_is("read", "user.kind", "");
  must("fstat", fstat(reading, &info));
  check("mode of read", info.st_mode & 07777, 0640);
  extended_is("locked", "user.kind", "locked");
  must("stat", stat("locked", &info));
  check("mode of locked", info.st_mode & 07777, 0400);
  check("offset", lseek(data, 0, SEEK_CUR), 4);
  check("offset of the second", lseek(second, 0, SEEK_CUR), 4);
  check("mapping", strcmp(mapping, "mapped"), 0);
  descriptor_holds("shared", shared, "mapped");
  descriptor_holds("gone", gone, "unlinked");
  is_absent("gone");
  content_is("kept", "kept\n");
  content_is("cut", "to be cut at its opening\n");
  content_is("removed", "removed\n");
  content_is("renamed", "renamed\n");
  is_absent("moved");
  content_is("replaced", "former\n");
  is_absent("made");
  is_absent("new folder");
  content_is("folder/inside", "inside\n");
  check("rights of the folder", (must("stat", stat("becomes a file", &info)), (long)info.st_mode), S_IFDIR | 0700);
  content_is("becomes a folder", "a file\n");
  content_is("link", "kept\n");
  must("fstat", fstat(log_file, &info));
  check("the log is its descriptor's file", inode("log"), (long)info.st_ino);
}

static char long_text[5000];

void change(void) {
  must("write", write(log_file, "two\n", 4));
  must("write", write(data, "xyz", 3));
  must("ftruncate", ftruncate(data, 8));
  must("fchmod", fchmod(data, 0644));
  if (has_extended) {
    must("fsetxattr", fsetxattr(data, "user.kind", "a longer second", 15, 0));
    must("fremovexattr", fremovexattr(data, "user.goes"));
    must("removexattr", removexattr("quiet", "user.kind"));
    must("removexattr", removexattr("quiet", "user.goes"));
    must("fsetxattr", fsetxattr(reading, "user.kind", "read", 4, 0));
  }
  extend("data", "user.new", "new");
  extend("quiet", "user.new", "new");
  must("fchmodat", fchmodat(AT_FDCWD, "quiet", 0600, 0));
  must("utimensat", utimensat(AT_FDCWD, "quiet", NULL, 0));
  must("fchmod", fchmod(reading, 0600));
  must("futimens", futimens(reading, NULL));
  must("chmod", chmod("locked", 0600));
  extend("locked", "user.kind", "open");
  must("chmod", chmod("locked", 0440));
  strcpy(mapping, "stored");
  must("pwrite", pwrite(shared, "tail", 4, 5000));
  must("pwrite", pwrite(gone, "still open", 10, 0));
  put("cut", "cut\n");
  must("unlink", unlink("removed"));
  must("rename", rename("renamed", "moved"));
  put("replacement", "latter\n");
  must("rename", rename("replacement", "replaced"));
  memset(long_text, 'm', sizeof long_text - 1);
  put("made", long_text);
  must("mkdir", mkdir("new folder", 0700));
  put("new folder/file", "new\n");
  must("unlink", unlink("folder/inside"));
  must("rmdir", rmdir("folder"));
  must("unlink", unlink("link"));
  must("rmdir", rmdir("becomes a file"));
  put("becomes a file", "is one\n");
  must("unlink", unlink("becomes a folder"));
  must("mkdir", mkdir("becomes a folder", 0750));
  put("becomes a folder/inside", "new\n");
}

void check_changed(void) {
  struct stat info;
  content_is("log", "one\ntwo\n");
  content_is("data", "0123xyz7");
  must("fstat", fstat(data, &info));
  check("mode of data", info.st_mode & 07777, 0644);
  extended_is("data", "user.kind", "a longer second");
  extended_is("data", "user.goes", "");
  extended_is("data", "user.new", "new");
  extended_is("quiet", "user.kind", "");
  extended_is("quiet", "user.new", "new");
  must("stat", stat("quiet", &info));
  check("mode of quiet", info.st_mode & 07777, 0600);
  check_true("time of quiet", info.st_mtim.tv_sec > quiet_info.st_mtim.tv_sec);
  extended_is("read", "user.kind", has_extended ? "read" : "");
  must("fstat", fstat(reading, &info));
  check("mode of read", info.st_mode & 07777, 0600);
  extended_is("locked", "user.kind", "open");
  must("stat", stat("locked", &info));
  check("mode of locked", info.st_mode & 07777, 0440);
  check("mapping", strcmp(mapping, "stored"), 0);
  check("written behind the mapping", memcmp(mapping + 5000, "tail", 4), 0);
  descriptor_holds("gone", gone, "still open");
  content_is("cut", "cut\n");
  is_absent("removed");
  is_absent("renamed");
  content_is("moved", "renamed\n");
  is_absent("replacement");
  content_is("replaced", "latter\n");
  check("size of made", (must("stat", stat("made", &info)), (long)info.st_size), sizeof long_text - 1);
  content_is("new folder/file", "new\n");
  is_absent("folder");
  is_absent("link");
  content_is("becomes a file", "is one\n");
  content_is("becomes a folder/inside", "new\n");
}

void change_otherwise(void) {
  put("data", "another branch");
  put("made", "otherwise");
  extend("read", "user.kind", "branch");
  must("chown", chown("quiet", getuid(), getgid()));
  must("rename", rename("replaced", "removed"));
  must("unlink", unlink("log"));
  strcpy(mapping, "branch");
}

void clean_up(void) {
  const char* names[] = {"log", "data", "shared", "quiet", "read", "locked", "kept", "cut", "moved", "replaced", "made", "new folder/file", "becomes a file", "becomes a folder/inside"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
  must("rmdir", rmdir("new folder"));
  must("rmdir", rmdir("becomes a folder"));
}
