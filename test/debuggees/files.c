// Regular files written, cut, mapped, made, renamed, replaced and unlinked, open or not.
#include "state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int log_file, data, shared, gone, second;
static char* mapping;
static struct stat data_info;

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
  must("fstat", fstat(data, &data_info));
}

void check_original(void) {
  struct stat info;
  content_is("log", "one\n");
  content_is("data", "0123456789");
  must("fstat", fstat(data, &info));
  check("mtime of data", info.st_mtim.tv_nsec, data_info.st_mtim.tv_nsec);
  check("mode of data", info.st_mode & 07777, 0600);
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
  must("rename", rename("replaced", "removed"));
  must("unlink", unlink("log"));
  strcpy(mapping, "branch");
}

void clean_up(void) {
  const char* names[] = {"log", "data", "shared", "kept", "cut", "moved", "replaced", "made", "new folder/file", "becomes a file", "becomes a folder/inside"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
  must("rmdir", rmdir("new folder"));
  must("rmdir", rmdir("becomes a folder"));
}
