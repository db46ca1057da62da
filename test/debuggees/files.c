// Regular files written, cut, mapped, made, renamed, replaced and unlinked, open or not; files without a name (O_TMPFILE);
// with `files shm` POSIX shared memory, whose names would outlive a program that is killed.
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

// Files without a name: one is written further, one closed.
static int nameless[2], has_nameless;

static void set_up_nameless(void) {
  for (int i = 0; i < 2; ++i) nameless[i] = open(".", O_TMPFILE | O_RDWR, 0600);
  has_nameless = nameless[0] >= 0;
  if (!has_nameless) return;  // not every file system has them
  must("write", write(nameless[0], "no name", 7));
  must("write", write(nameless[1], "nor here", 8));
}

static void check_nameless(void) {
  struct stat info;
  if (!has_nameless) return;
  must("fstat", fstat(nameless[0], &info));
  check("size without a name", info.st_size, 7);
  check("links without a name", info.st_nlink, 0);
  check("offset without a name", lseek(nameless[0], 0, SEEK_CUR), 7);
  descriptor_holds("without a name", nameless[0], "no name");
  descriptor_holds("the other without a name", nameless[1], "nor here");
}

static void change_nameless(void) {
  if (!has_nameless) return;
  must("write", write(nameless[0], ", but more", 10));
  must("pwrite", pwrite(nameless[1], "N", 1, 0));
  close(nameless[1]);
}

static void check_changed_nameless(void) {
  if (!has_nameless) return;
  descriptor_holds("without a name", nameless[0], "no name, but more");
  check("the other without a name is closed", fcntl(nameless[1], F_GETFD), -1);
}

// POSIX shared memory by name: mapped and open, mapped only, not even that. What is changed has no name any more.
enum { kPage = 4096 };
static char shm_names[4][40];
static char *shm_open_map, *shm_map;
static int shm, has_shm;

static int make_shm(int which, int flags, off_t size) {
  const int fd = (int)must(shm_names[which], shm_open(shm_names[which], O_RDWR | flags, 0600));
  if (size) must("ftruncate", ftruncate(fd, size));
  return fd;
}

static char* map_shm(int fd, size_t size) {
  char* map = (char*)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check_true("mmap of shared memory", map != MAP_FAILED);
  return map;
}

static void set_up_shm(void) {
  has_shm = state_argc > 0 && access("/dev/shm", W_OK) == 0;
  for (int i = 0; i < 4; ++i) snprintf(shm_names[i], sizeof shm_names[i], "/rollpoint-kind-%d-%d", (int)getpid(), i);
  if (!has_shm) return;
  shm_open_map = map_shm(shm = make_shm(0, O_CREAT | O_EXCL, 2 * kPage), 2 * kPage);
  strcpy(shm_open_map, "open and mapped");
  const int fd = make_shm(1, O_CREAT | O_EXCL, kPage);
  strcpy(shm_map = map_shm(fd, kPage), "mapped");
  close(fd);
  const int plain = make_shm(2, O_CREAT | O_EXCL, 0);
  must("write", write(plain, "by name", 7));
  close(plain);
}

static void shm_holds(int which, off_t size, const char* wanted) {
  char text[64] = {0};
  struct stat info;
  const int fd = make_shm(which, 0, 0);
  must("fstat", fstat(fd, &info));
  check(shm_names[which], info.st_size, size);
  must("read", read(fd, text, sizeof text - 1));
  check_text(shm_names[which], text, wanted);
  close(fd);
}

static void check_shm(void) {
  if (!has_shm) return;
  check_text("shared memory", shm_open_map, "open and mapped");
  shm_holds(0, 2 * kPage, "open and mapped");
  check_text("shared memory without a descriptor", shm_map, "mapped");
  shm_holds(1, kPage, "mapped");
  shm_holds(2, 7, "by name");
  check("shared memory made since", shm_open(shm_names[3], O_RDWR, 0), -1);
}

static void change_shm(void) {
  if (!has_shm) return;
  strcpy(shm_open_map, "stored");
  must("ftruncate", ftruncate(shm, 4 * kPage));
  must("pwrite", pwrite(shm, "tail", 4, 3 * kPage));
  strcpy(shm_map, "stored too");
  const int plain = make_shm(2, 0, 0);
  must("write", write(plain, "other contents", 14));
  close(plain);
  close(make_shm(3, O_CREAT | O_EXCL, kPage));
  for (int i = 0; i < 4; ++i) must(shm_names[i], shm_unlink(shm_names[i]));
}

static void check_changed_shm(void) {
  char text[8] = {0};
  if (!has_shm) return;
  check_text("shared memory", shm_open_map, "stored");
  must("pread", pread(shm, text, 4, 3 * kPage));
  check_text("what it has grown by", text, "tail");
  check_text("shared memory without a descriptor", shm_map, "stored too");
  for (int i = 0; i < 4; ++i) check(shm_names[i], shm_open(shm_names[i], O_RDWR, 0), -1);
}

void set_up(void) {
  set_up_nameless();
  set_up_shm();
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
  check_nameless();
  check_shm();
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
  change_nameless();
  change_shm();
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
  check_changed_nameless();
  check_changed_shm();
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
  if (!has_shm) return;
  close(make_shm(3, O_CREAT | O_EXCL, kPage));
  must("ftruncate", ftruncate(shm, kPage));
  must(shm_names[1], shm_unlink(shm_names[1]));
}

void clean_up(void) {
  const char* names[] = {"log", "data", "shared", "quiet", "read", "locked", "kept", "cut", "moved", "replaced", "made", "new folder/file", "becomes a file", "becomes a folder/inside"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
  must("rmdir", rmdir("new folder"));
  must("rmdir", rmdir("becomes a folder"));
}
