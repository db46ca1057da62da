// What the kernel does on its own for a program, and nobody can put back: `foreign io_uring|aio|userfaultfd|fanotify`.
// The program uses it between the snapshots, unless there is a second argument, and at its end.
#include "state.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { kPage = 4096, kPages = 16 };
static int fd = -1;

static int is(const char* name) { return state_argc > 0 && strcmp(state_argv[0], name) == 0; }

// io_uring, without a library.

static struct io_uring_params parameters;
static char *submissions, *completions;
static struct io_uring_sqe* entries;

static unsigned* at(char* ring, unsigned offset) { return (unsigned*)(ring + offset); }

static void ring_set_up(void) {
  fd = (int)must("io_uring_setup", syscall(SYS_io_uring_setup, 8, &parameters));
  submissions = (char*)mmap(NULL, parameters.sq_off.array + 8 * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
  completions = (char*)mmap(NULL, parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_CQ_RING);
  entries = (struct io_uring_sqe*)mmap(NULL, 8 * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
  check_true("mmap", submissions != MAP_FAILED && completions != MAP_FAILED && (void*)entries != MAP_FAILED);
}

static void ring_use(void) {
  unsigned* tail = at(submissions, parameters.sq_off.tail);
  const unsigned index = *tail & *at(submissions, parameters.sq_off.ring_mask);
  memset(&entries[index], 0, sizeof entries[index]);
  entries[index].opcode = IORING_OP_NOP;
  entries[index].user_data = 4711;
  at(submissions, parameters.sq_off.array)[index] = index;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  check("io_uring_enter", syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
  unsigned* head = at(completions, parameters.cq_off.head);
  check_true("a result", *head != __atomic_load_n(at(completions, parameters.cq_off.tail), __ATOMIC_ACQUIRE));
  const struct io_uring_cqe* results = (const struct io_uring_cqe*)(completions + parameters.cq_off.cqes);
  check("the result", (long)results[*head & *at(completions, parameters.cq_off.ring_mask)].user_data, 4711);
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}

// Linux AIO.

static aio_context_t context;

static void aio_set_up(void) {
  must("io_setup", syscall(SYS_io_setup, 8, &context));
  fd = (int)must("open", open("/proc/self/exe", O_RDONLY));
}

static void aio_use(void) {
  char bytes[16];
  struct iocb request, *requests[1] = {&request};
  memset(&request, 0, sizeof request);
  request.aio_lio_opcode = IOCB_CMD_PREAD;
  request.aio_fildes = (unsigned)fd;
  request.aio_buf = (uintptr_t)bytes;
  request.aio_nbytes = sizeof bytes;
  request.aio_data = 4712;
  must("io_submit", syscall(SYS_io_submit, context, 1, requests));
  struct io_event event;
  check("io_getevents", syscall(SYS_io_getevents, context, 1, 1, &event, NULL), 1);
  check("the event", (long)event.data, 4712);
  check_bytes("what was read", bytes, "\177ELF", 4);
}

// userfaultfd: another thread gives the pages.

static char* faulting;
static int next_page = 0;

static void* give_pages(void* unused) {
  (void)unused;
  static char page[kPage];
  for (;;) {
    struct pollfd one = {fd, POLLIN, 0};
    poll(&one, 1, -1);
    struct uffd_msg message;
    if (read(fd, &message, sizeof message) != sizeof message) continue;
    memset(page, 'u', sizeof page);
    struct uffdio_copy copy = {message.arg.pagefault.address & ~(uint64_t)(kPage - 1), (uintptr_t)page, kPage, 0, 0};
    ioctl(fd, UFFDIO_COPY, &copy);
  }
  return NULL;
}

static void fault_set_up(void) {
  fd = (int)must("userfaultfd", syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY | O_NONBLOCK | O_CLOEXEC));
  struct uffdio_api api = {UFFD_API, 0, 0};
  must("UFFDIO_API", ioctl(fd, UFFDIO_API, &api));
  faulting = (char*)mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register range = {{(uintptr_t)faulting, kPages * kPage}, UFFDIO_REGISTER_MODE_MISSING, 0};
  must("UFFDIO_REGISTER", ioctl(fd, UFFDIO_REGISTER, &range));
  pthread_t thread;
  check("thread", pthread_create(&thread, NULL, give_pages, NULL), 0);
}

static void fault_use(void) {
  volatile char* page = faulting + next_page++ % kPages * kPage;
  check("a page", *page, 'u');
  madvise((void*)page, kPage, MADV_DONTNEED);
  check("a page, again", *page, 'u');
}

static void use(void) {
  if (is("io_uring")) ring_use();
  else if (is("aio")) aio_use();
  else if (is("userfaultfd")) fault_use();
}

void set_up(void) {
  if (is("io_uring")) ring_set_up();
  else if (is("aio")) aio_set_up();
  else if (is("userfaultfd")) fault_set_up();
  else fd = (int)must("fanotify_init", fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0));
  use();
}

void check_original(void) {}
// A second argument says to leave it alone.
void change(void) {
  if (state_argc < 2) use();
  if (faulting) madvise(faulting, kPage, MADV_DONTNEED);
}
void check_changed(void) {}
void clean_up(void) { use(); }
