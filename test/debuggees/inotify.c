// inotify watches: changed, removed, on files that are gone meanwhile, the whole instance closed.
#include "state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static int instance, closed_instance;
static int on_folder, on_file, on_other, changed_mask, in_closed;

static void touch(const char* path) {
  int fd = (int)must("open", open(path, O_WRONLY | O_CREAT, 0600));
  must("write", write(fd, "x", 1));
  close(fd);
}

/** Reads what waits; 1 if among it is an event of `mask` at `wd`, about `name` where given. */
static int told(int fd, int wd, unsigned mask, const char* name) {
  char buffer[8192] __attribute__((aligned(8)));
  ssize_t got = read(fd, buffer, sizeof buffer);
  if (got == -1) check("read", errno, EAGAIN);
  int found = 0;
  for (char* at = buffer; got > 0 && at < buffer + got;) {
    const struct inotify_event* event = (const struct inotify_event*)at;
    if (event->wd == wd && (event->mask & mask) && (!name || strcmp(event->name, name) == 0)) found = 1;
    at += sizeof *event + event->len;
  }
  return found;
}

static int is_silent(int fd) {
  char buffer[4096];
  return read(fd, buffer, sizeof buffer) == -1 && errno == EAGAIN;
}

void set_up(void) {
  must("mkdir", mkdir("folder", 0700));
  must("mkdir", mkdir("folder/deep", 0700));
  touch("folder/file");
  touch("folder/deep/other");
  instance = (int)must("inotify_init1", inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const int first = (int)must("watch", inotify_add_watch(instance, ".", IN_CREATE));
  on_folder = (int)must("watch", inotify_add_watch(instance, "folder", IN_CREATE | IN_DELETE | IN_ONLYDIR));
  on_file = (int)must("watch", inotify_add_watch(instance, "folder/file", IN_MODIFY));
  on_other = (int)must("watch", inotify_add_watch(instance, "folder/deep/other", IN_MODIFY | IN_ATTRIB));
  changed_mask = (int)must("watch", inotify_add_watch(instance, "folder/deep", IN_CREATE | IN_MOVED_FROM | IN_EXCL_UNLINK));
  must("unwatch", inotify_rm_watch(instance, first));
  check("ignored", told(instance, first, IN_IGNORED, NULL), 1);
  closed_instance = (int)must("inotify_init1", inotify_init1(IN_NONBLOCK));
  in_closed = (int)must("watch", inotify_add_watch(closed_instance, "folder", IN_CREATE));
}

void check_original(void) {
  check("nothing waits", is_silent(instance), 1);
  check("nothing waits at the other", is_silent(closed_instance), 1);
  touch("folder/new");
  check("folder: create", told(instance, on_folder, IN_CREATE, "new"), 1);
  check("closed: create", told(closed_instance, in_closed, IN_CREATE, "new"), 1);
  must("unlink", unlink("folder/new"));
  check("folder: delete", told(instance, on_folder, IN_DELETE, "new"), 1);
  check("closed: no delete", is_silent(closed_instance), 1);
  touch("folder/file");
  check("file: modify", told(instance, on_file, IN_MODIFY, NULL), 1);
  must("chmod", chmod("folder/deep/other", 0600));
  check("other: attributes", told(instance, on_other, IN_ATTRIB, NULL), 1);
  touch("folder/deep/one");
  check("deep: create", told(instance, changed_mask, IN_CREATE, "one"), 1);
  must("unlink", unlink("folder/deep/one"));
  check("deep: no delete", is_silent(instance), 1);
}

void change(void) {
  must("unwatch", inotify_rm_watch(instance, on_folder));
  must("unwatch", inotify_rm_watch(instance, on_other));
  check("watch", inotify_add_watch(instance, "folder/deep", IN_DELETE), changed_mask);
  must("watch", inotify_add_watch(instance, ".", IN_MODIFY));
  told(instance, 0, 0, NULL);
  close(closed_instance);
}

void check_changed(void) {
  check("nothing waits", is_silent(instance), 1);
  touch("folder/new");
  must("unlink", unlink("folder/new"));
  check("folder is silent", is_silent(instance), 1);
  touch("folder/deep/one");
  check("deep: no create", is_silent(instance), 1);
  must("unlink", unlink("folder/deep/one"));
  check("deep: delete", told(instance, changed_mask, IN_DELETE, "one"), 1);
  check("the other is closed", fcntl(closed_instance, F_GETFD), -1);
}

void change_otherwise(void) {
  close(instance);
  check("number", inotify_init1(IN_NONBLOCK), instance);
  must("watch", inotify_add_watch(instance, "folder/file", IN_ALL_EVENTS));
  touch("folder/file");
  must("unwatch", inotify_rm_watch(closed_instance, in_closed));
  told(instance, 0, 0, NULL);
  told(closed_instance, 0, 0, NULL);
}

void clean_up(void) {
  close(instance);
  unlink("folder/deep/other");
  unlink("folder/file");
  rmdir("folder/deep");
  rmdir("folder");
}
