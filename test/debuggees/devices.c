// Memory of the kernel's, mapped: the ring of a performance counter. It is told, and stays as it is. See state.h for the frame.
#include "state.h"

#include <linux/perf_event.h>
#include <sys/mman.h>

static struct perf_event_mmap_page* ring;
static int counter;

void set_up(void) {
  struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_DUMMY, .exclude_kernel = 1, .exclude_hv = 1};
  counter = (int)must("perf_event_open", syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
  ring = (struct perf_event_mmap_page*)mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, counter, 0);
  check_true("mmap", ring != MAP_FAILED);
}

void check_original(void) { check_true("ring", ring->data_size == 4096 || ring->version == 0); }
void change(void) { ring->data_tail = 8; }
void check_changed(void) { check("tail", (long)ring->data_tail, 8); }
