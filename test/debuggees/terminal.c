// A pseudo-terminal of the program's own, both ends inside: settings, window size, modes, what waits in either direction;
// or ("typed") its standard input, on which the test has typed; or ("master") a master that is closed and opened again.
#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static int typed, reopen;
static int master = -1, slave = -1;
static char name[64];

static int waiting(int fd) {
  int count = 0;
  must("FIONREAD", ioctl(fd, FIONREAD, &count));
  return count;
}

static void expect_bytes(const char* what, int fd, const char* wanted) {
  char got[512] = {0};
  const long length = strlen(wanted) ? must(what, read(fd, got, sizeof got - 1)) : 0;
  check(what, length, (long)strlen(wanted));
  check_text(what, got, wanted);
}

static void expect_nothing(const char* what, int fd) {
  struct pollfd request = {fd, POLLIN, 0};
  check(what, poll(&request, 1, 0), 0);
}

static void settings(int fd, tcflag_t clear, tcflag_t set, cc_t kill) {
  struct termios t;
  must("tcgetattr", tcgetattr(fd, &t));
  t.c_lflag = (t.c_lflag & ~clear) | set;
  t.c_cc[VKILL] = kill;
  must("tcsetattr", tcsetattr(fd, TCSANOW, &t));
}

static void expect_settings(int fd, tcflag_t on, tcflag_t off, cc_t kill) {
  struct termios t;
  must("tcgetattr", tcgetattr(fd, &t));
  check("local modes that are on", (long)(t.c_lflag & on), (long)on);
  check("local modes that are off", (long)(t.c_lflag & off), 0);
  check("the kill character", t.c_cc[VKILL], kill);
}

static void wait_for(int fd, int bytes) {
  while (waiting(fd) < bytes) usleep(1000);
}

static void expect_size(int fd, int rows, int columns) {
  struct winsize size;
  must("TIOCGWINSZ", ioctl(fd, TIOCGWINSZ, &size));
  check("rows", size.ws_row, rows);
  check("columns", size.ws_col, columns);
}

static void expect_flag(const char* what, int fd, unsigned long request, int wanted) {
  int flag = -1;
  must(what, ioctl(fd, request, &flag));
  check(what, flag != 0, wanted);
}

static void open_pair(void) {
  // Numbers below its own stay free: what other programs open meanwhile gets one of those, not the one that it is to have
  // again.
  int lower[32];
  for (int i = 0; i < 32; ++i) lower[i] = (int)must("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY));
  master = (int)must("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY));
  for (int i = 0; i < 32; ++i) close(lower[i]);
  must("grantpt", grantpt(master));
  must("unlockpt", unlockpt(master));
  check("ptsname_r", ptsname_r(master, name, sizeof name), 0);
}

static void set_up_typed(void) {
  settings(0, ECHO, 0, 7);
  // What a child would be asked to read must not be looked at while one lives; here is none.
  must("write", write(1, "ready\n", 6));
  wait_for(0, 8);  // "one" and "two"; of "par" nothing can be seen
  usleep(20000);
}

static void set_up_pair(void) {
  open_pair();
  slave = (int)must("open slave", open(name, O_RDWR | O_NOCTTY));
  settings(slave, ECHO, 0, 7);
  struct winsize size = {.ws_row = 30, .ws_col = 100};
  must("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &size));
  int on = 1;
  must("TIOCPKT", ioctl(master, TIOCPKT, &on));
  must("TIOCEXCL", ioctl(slave, TIOCEXCL));
  // Characters that the settings would act on, quoted: they stand in the line for themselves.
  const char input[] = "first line\nend of file\x04\x16\x03quoted\nunfinished";
  check("write", write(master, input, sizeof input - 1), sizeof input - 1);
  wait_for(slave, 11 + 11 + 8);
  check("write", write(slave, "out\nput", 7), 7);
  wait_for(master, 8);
}

void set_up(void) {
  typed = state_argc && strcmp(state_argv[0], "typed") == 0;
  reopen = state_argc && strcmp(state_argv[0], "master") == 0;
  if (typed) {
    set_up_typed();
    return;
  }
  if (reopen) {
    open_pair();
    return;
  }
  set_up_pair();
}

void check_original(void) {
  if (typed) {
    expect_settings(0, ICANON, ECHO, 7);
    expect_bytes("first line", 0, "one\n");
    expect_bytes("second line", 0, "two\n");
    expect_nothing("no more lines", 0);
    settings(0, ICANON, 0, 7);
    expect_bytes("unfinished line", 0, "par");
    return;
  }
  if (reopen) {
    char now[64];
    check("ptsname_r", ptsname_r(master, now, sizeof now), 0);
    check_text("name of the slave", now, name);
    return;
  }
  expect_settings(slave, ICANON, ECHO, 7);
  expect_size(slave, 30, 100);
  expect_flag("packet mode", master, TIOCGPKT, 1);
  expect_flag("exclusive mode", slave, TIOCGEXCL, 1);
  expect_bytes("first line", slave, "first line\n");
  expect_bytes("line without an end", slave, "end of file");
  expect_bytes("quoted character", slave, "\x03quoted\n");
  expect_nothing("no more lines", slave);
  settings(slave, ICANON, 0, 7);
  expect_bytes("unfinished line", slave, "unfinished");
  int off = 0;
  must("TIOCPKT", ioctl(master, TIOCPKT, &off));
  expect_bytes("output", master, "out\r\nput");
  expect_nothing("no more output", master);
}

void change(void) {
  if (typed) {
    settings(0, ICANON, 0, 9);
    return;
  }
  if (reopen) {
    close(master);
    return;
  }
  settings(slave, ICANON | ISIG, 0, 9);
  struct winsize size = {.ws_row = 10, .ws_col = 20};
  must("TIOCSWINSZ", ioctl(slave, TIOCSWINSZ, &size));
  must("TIOCNXCL", ioctl(slave, TIOCNXCL));
  check("write", write(master, "\x03raw\n", 5), 5);
  wait_for(slave, 5);
  check("write", write(slave, "more", 4), 4);
  wait_for(master, 4);
}

void check_changed(void) {
  if (typed) {
    expect_settings(0, 0, ICANON | ECHO, 9);
    expect_nothing("no input", 0);
    return;
  }
  if (reopen) {
    check("the master is closed", fcntl(master, F_GETFD), -1);
    return;
  }
  expect_settings(slave, 0, ICANON | ECHO | ISIG, 9);
  expect_size(slave, 10, 20);
  expect_flag("packet mode", master, TIOCGPKT, 0);
  expect_flag("exclusive mode", slave, TIOCGEXCL, 0);
  check("unread input", waiting(slave), 5);
  check("unread output", waiting(master), 4);
}
