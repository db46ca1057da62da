// Locks of each kind on files that stay open or are closed: POSIX, open file description (fcntl), flock.
#include "state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static int process_locked, description_locked, flocked, closed_later, locked_later;

static int make(const char* name) {
  int fd = (int)must("open", open(name, O_RDWR | O_CREAT, 0600));
  must("write", write(fd, "0123456789", 10));
  return fd;
}

static void lock_range(int fd, int command, short type, off_t start, off_t length) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  must("fcntl", fcntl(fd, command, &range));
}

/** Lines of `lock:` in fdinfo that contain `text`. */
static long locks(int fd, const char* text) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE* file = fopen(path, "r");
  long count = 0;
  while (file && fgets(line, sizeof line, file)) count += strncmp(line, "lock:", 5) == 0 && strstr(line, text) != NULL;
  if (file) fclose(file);
  return count;
}

void set_up(void) {
  process_locked = make("process");
  lock_range(process_locked, F_SETLK, F_WRLCK, 2, 4);
  lock_range(process_locked, F_SETLK, F_RDLCK, 8, 0);
  description_locked = make("description");
  lock_range(description_locked, F_OFD_SETLK, F_WRLCK, 0, 5);
  flocked = make("flocked");
  must("flock", flock(flocked, LOCK_SH | LOCK_NB));
  closed_later = make("closed");
  must("flock", flock(closed_later, LOCK_EX | LOCK_NB));
  must("lseek", lseek(closed_later, 3, SEEK_SET));
  locked_later = make("later");
}

void check_original(void) {
  check("write lock of the process", locks(process_locked, "POSIX  ADVISORY  WRITE"), 1);
  check("read lock of the process", locks(process_locked, "POSIX  ADVISORY  READ"), 1);
  check("lock of the description", locks(description_locked, "OFDLCK ADVISORY  WRITE"), 1);
  check("flock", locks(flocked, "FLOCK  ADVISORY  READ"), 1);
  check("flock of the closed one", locks(closed_later, "FLOCK  ADVISORY  WRITE"), 1);
  check("offset of the closed one", lseek(closed_later, 0, SEEK_CUR), 3);
  check("offset of a locked one", lseek(process_locked, 0, SEEK_CUR), 10);
  check("not locked yet", locks(locked_later, "lock"), 0);
}

void change(void) {
  must("lseek", lseek(process_locked, 1, SEEK_SET));
  lock_range(process_locked, F_SETLK, F_UNLCK, 0, 0);
  lock_range(process_locked, F_SETLK, F_WRLCK, 100, 1);
  lock_range(description_locked, F_OFD_SETLK, F_UNLCK, 0, 0);
  must("flock", flock(flocked, LOCK_EX | LOCK_NB));
  close(closed_later);
  lock_range(locked_later, F_SETLK, F_WRLCK, 0, 0);
}

void check_changed(void) {
  check("write lock of the process", locks(process_locked, "POSIX  ADVISORY  WRITE"), 1);
  check("read lock of the process", locks(process_locked, "POSIX  ADVISORY  READ"), 0);
  check("lock of the description", locks(description_locked, "lock"), 0);
  check("flock", locks(flocked, "FLOCK  ADVISORY  WRITE"), 1);
  check("the closed one", fcntl(closed_later, F_GETFD), -1);
  check("locked by now", locks(locked_later, "POSIX  ADVISORY  WRITE"), 1);
}

void clean_up(void) {
  const char* names[] = {"process", "description", "flocked", "closed", "later"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) must(names[i], unlink(names[i]));
}
