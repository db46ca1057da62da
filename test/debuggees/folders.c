// Folders renamed, with files in them that are written before and after; replaced, exchanged, made and removed whole.
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int opened, directory;
static long kept_inode, left_inode, right_inode;

static void put(const char* name, const char* text) {
  const int fd = (int)must(name, open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640));
  must("write", write(fd, text, strlen(text)));
  close(fd);
}

static void make(const char* name) { must(name, mkdir(name, 0750)); }

static void holds(const char* name, const char* wanted) {
  char text[64] = {0};
  const int fd = open(name, O_RDONLY);
  if (fd >= 0) must("read", read(fd, text, sizeof text - 1));
  close(fd);
  check_text(name, fd < 0 ? "(absent)" : text, wanted);
}

static long inode(const char* name) {
  struct stat info;
  must(name, stat(name, &info));
  return (long)info.st_ino;
}

/** As rm -r does it: by the descriptors of the folders. */
static void remove_all(int parent, const char* name) {
  const int fd = (int)must(name, openat(parent, name, O_RDONLY | O_DIRECTORY));
  DIR* entries = fdopendir(fd);
  for (struct dirent* entry; (entry = readdir(entries));) {
    if (entry->d_name[0] == '.') continue;
    if (entry->d_type == DT_DIR) remove_all(fd, entry->d_name);
    else must(entry->d_name, unlinkat(fd, entry->d_name, 0));
  }
  closedir(entries);
  must(name, unlinkat(parent, name, AT_REMOVEDIR));
}

void set_up(void) {
  make("kept");
  make("kept/sub");
  put("kept/a", "a\n");
  put("kept/sub/b", "b\n");
  put("kept/untouched", "untouched\n");
  opened = (int)must("open", open("kept/open", O_RDWR | O_CREAT, 0600));
  must("write", write(opened, "open\n", 5));
  directory = (int)must("open", open("kept", O_RDONLY | O_DIRECTORY));
  kept_inode = inode("kept");
  make("outer");
  make("outer/inner");
  put("outer/inner/x", "x\n");
  make("tree");
  make("tree/one");
  make("tree/one/two");
  put("tree/file", "tree\n");
  put("tree/one/two/file", "deep\n");
  make("left");
  make("right");
  put("left/name", "left\n");
  put("right/name", "right\n");
  left_inode = inode("left");
  right_inode = inode("right");
  make("source");
  put("source/s", "source\n");
  make("target");
}

void check_original(void) {
  holds("kept/a", "a\n");
  holds("kept/sub/b", "b\n");
  holds("kept/untouched", "untouched\n");
  holds("kept/open", "open\n");
  holds("kept/new", "(absent)");
  check("inode of kept", inode("kept"), kept_inode);
  struct stat info;
  must("fstat", fstat(directory, &info));
  check("the open folder", (long)info.st_ino, kept_inode);
  must("fstatat", fstatat(directory, "sub/b", &info, 0));
  check("renamed", access("renamed", F_OK), -1);
  holds("outer/inner/x", "x\n");
  check("outer2", access("outer2", F_OK), -1);
  holds("tree/file", "tree\n");
  holds("tree/one/two/file", "deep\n");
  holds("left/name", "left\n");
  holds("right/name", "right\n");
  check("inode of left", inode("left"), left_inode);
  check("inode of right", inode("right"), right_inode);
  holds("source/s", "source\n");
  check("target is empty", access("target/s", F_OK), -1);
  must("target", access("target", F_OK));
  check("made", access("made", F_OK), -1);
}

void change(void) {
  put("kept/a", "a before\n");
  must("rename", rename("kept", "renamed"));
  put("renamed/sub/b", "b after\n");
  must("pwrite", pwrite(opened, "OPEN", 4, 0));
  make("kept");
  put("kept/new", "new\n");
  put("kept/a", "another a\n");
  put("outer/inner/x", "x before\n");
  must("rename", rename("outer", "outer2"));
  must("rename", rename("outer2/inner", "outer2/core"));
  put("outer2/core/y", "y\n");
  remove_all(AT_FDCWD, "tree");
  must("renameat2", renameat2(AT_FDCWD, "left", AT_FDCWD, "right", RENAME_EXCHANGE));
  put("left/name", "left, once right\n");
  must("rename", rename("source", "target"));
  make("made");
  make("made/within");
  put("made/within/z", "z\n");
  must("rename", rename("made", "made elsewhere"));
}

void check_changed(void) {
  holds("renamed/a", "a before\n");
  holds("renamed/sub/b", "b after\n");
  holds("renamed/untouched", "untouched\n");
  holds("renamed/open", "OPEN\n");
  check("inode of renamed", inode("renamed"), kept_inode);
  holds("kept/new", "new\n");
  holds("kept/a", "another a\n");
  check("kept/sub", access("kept/sub", F_OK), -1);
  check("outer", access("outer", F_OK), -1);
  holds("outer2/core/x", "x before\n");
  holds("outer2/core/y", "y\n");
  check("tree", access("tree", F_OK), -1);
  holds("left/name", "left, once right\n");
  holds("right/name", "left\n");
  check("inode of right", inode("right"), left_inode);
  check("inode of left", inode("left"), right_inode);
  holds("target/s", "source\n");
  check("source", access("source", F_OK), -1);
  check("made", access("made", F_OK), -1);
  holds("made elsewhere/within/z", "z\n");
}

void change_otherwise(void) {
  remove_all(AT_FDCWD, "outer");
  must("rename", rename("kept", "outer"));
  put("outer/a", "otherwise\n");
  must("rename", rename("left", "kept"));
  must("rename", rename("tree/one", "left"));
}

void clean_up(void) {
  const char* names[] = {"kept", "renamed", "outer2", "left", "right", "target", "made elsewhere"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) remove_all(AT_FDCWD, names[i]);
}
