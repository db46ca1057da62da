// A device with a driver behind it, open: told. See state.h for the frame.
#include "state.h"

#include <fcntl.h>

static int device = -1;

void set_up(void) {
  const char* devices[] = {"/dev/autofs", "/dev/fuse", "/dev/net/tun", "/dev/rfkill", "/dev/kvm", "/dev/loop-control"};
  for (size_t i = 0; i < sizeof devices / sizeof *devices && device < 0; ++i) device = open(devices[i], O_RDONLY);
  check_true("a device that this user may open", device >= 0);
}

void check_original(void) { must("F_GETFD", fcntl(device, F_GETFD)); }
void change(void) { must("F_SETFL", fcntl(device, F_SETFL, O_NONBLOCK)); }
void check_changed(void) { check("flags", fcntl(device, F_GETFL) & O_NONBLOCK, O_NONBLOCK); }
