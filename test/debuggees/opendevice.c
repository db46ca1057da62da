// A device with a driver behind it, open: told. Where the system offers none (a container), something else of the kernel's
// that Rollpoint knows nothing of. See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int device = -1;

/** The network tunnel under a name of our own: a privileged user of a container may have it. */
static int open_made(void) {
  int fd = -1;
  if (mknod("made", S_IFCHR | 0600, makedev(10, 200)) == 0) fd = open("made", O_RDONLY);
  unlink("made");
  return fd;
}

static int open_rules(void) {
  enum { kCreateRuleset = 444 };  // landlock_create_ruleset, absent from older headers
  const unsigned long execute = 1;  // struct landlock_ruleset_attr, its first version
  return (int)syscall(kCreateRuleset, &execute, sizeof execute, 0);
}

static int open_counter(void) {
  const struct perf_event_attr counter = {.type = PERF_TYPE_SOFTWARE, .size = sizeof counter, .config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1, .exclude_hv = 1};
  return (int)syscall(SYS_perf_event_open, &counter, 0, -1, -1, 0);
}

void set_up(void) {
  const char* devices[] = {"/dev/autofs", "/dev/fuse", "/dev/net/tun", "/dev/rfkill", "/dev/kvm", "/dev/loop-control"};
  int (*const others[])(void) = {open_made, open_rules, open_counter};
  for (size_t i = 0; i < sizeof devices / sizeof *devices && device < 0; ++i) device = open(devices[i], O_RDONLY);
  for (size_t i = 0; i < sizeof others / sizeof *others && device < 0; ++i) device = others[i]();
  check_true("a device that this user may open, or the like", device >= 0);
}

void check_original(void) { must("F_GETFD", fcntl(device, F_GETFD)); }
void change(void) { must("F_SETFL", fcntl(device, F_SETFL, O_NONBLOCK)); }
void check_changed(void) { check("flags", fcntl(device, F_GETFL) & O_NONBLOCK, O_NONBLOCK); }
