// One thread for each call that waits with a time limit of its own, counted from where it is made. `@armed`: most of the
// time is over; then they are joined, and each says how much was left at `@armed` and when (CLOCK_MONOTONIC) it came back.
// With an argument: an epoll_wait, beside which the program comes to `@tick` again and again, and a read of a socket that
// has a time limit itself.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kWhole = 2000, kBefore = 1500 };  // milliseconds

struct wait {
  const char* name;
  long (*call)(void);
  long expected, result;
  int64_t begin, end;
  pthread_t thread;
};

static int epoll_set, semaphores, empty[2];
static const struct timespec whole = {kWhole / 1000, kWhole % 1000 * 1000000};
static int64_t armed;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static long outcome(long result) { return result < 0 ? -errno : result; }

static long by_usleep(void) { return outcome(usleep(kWhole * 1000)); }
static long by_nanosleep(void) {
  struct timespec rest = {77, 0};
  return outcome(nanosleep(&whole, &rest)) - (rest.tv_sec > 77);
}
static long in_place(void) {
  struct timespec rest = whole;
  return outcome(nanosleep(&rest, &rest));
}
static long by_clock(void) { return clock_nanosleep(CLOCK_BOOTTIME, 0, &whole, NULL); }
static long by_poll(void) {
  struct pollfd one = {empty[0], POLLIN, 99};
  return outcome(poll(&one, 1, kWhole)) + one.revents;
}
static long by_ppoll(void) {
  struct pollfd one = {empty[0], POLLIN, 99};
  return outcome(ppoll(&one, 1, &whole, NULL)) + one.revents;
}
static long by_select(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(empty[0], &set);
  struct timeval time = {kWhole / 1000, kWhole % 1000 * 1000};
  return outcome(select(empty[0] + 1, &set, NULL, NULL, &time));
}
static long by_pselect(void) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(empty[0], &set);
  return outcome(pselect(empty[0] + 1, &set, NULL, NULL, &whole, NULL));
}
static long by_epoll(void) {
  struct epoll_event event;
  return outcome(epoll_wait(epoll_set, &event, 1, kWhole));
}
static long by_epoll_2(void) {
  struct epoll_event event;
  return outcome(syscall(SYS_epoll_pwait2, epoll_set, &event, 1, &whole, NULL, 8));
}
static long by_futex(void) {
  static uint32_t word = 5;
  return outcome(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &whole, NULL, 0));
}
static long by_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return outcome(sigtimedwait(&set, NULL, &whole));
}
static long by_semaphore(void) {
  struct sembuf take = {0, -1, 0};
  return outcome(semtimedop(semaphores, &take, 1, &whole));
}
static long by_read(void) {
  int pair[2];
  char byte;
  const struct timeval limit = {kWhole / 1000, kWhole % 1000 * 1000};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0) abort();
  return outcome(read(pair[0], &byte, 1));
}
static long in_child(void) {
  int status = 0;
  const pid_t child = fork();
  if (child == 0) _exit(usleep(kWhole * 1000) == 0 ? 7 : 8);
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

static struct wait waits[] = {
    {"usleep", by_usleep, 0},         {"nanosleep", by_nanosleep, 0},   {"nanosleep in place", in_place, 0}, {"clock_nanosleep", by_clock, 0},
    {"poll", by_poll, 0},             {"ppoll", by_ppoll, 0},           {"select", by_select, 0},            {"pselect", by_pselect, 0},
    {"epoll_wait", by_epoll, 0},      {"epoll_pwait2", by_epoll_2, 0},  {"futex", by_futex, -ETIMEDOUT},     {"sigtimedwait", by_signal, -EAGAIN},
    {"semtimedop", by_semaphore, -EAGAIN}, {"usleep of a child", in_child, 7}, {"read", by_read, -EAGAIN},
};
enum { kWaits = sizeof waits / sizeof *waits };

static void* run(void* argument) {
  struct wait* wait = argument;
  wait->begin = now();
  wait->result = wait->call();
  wait->end = now();
  return NULL;
}

static void set_up(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  epoll_set = epoll_create1(0);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  if (pipe(empty) < 0 || epoll_set < 0 || semaphores < 0) abort();
  struct epoll_event event = {EPOLLIN, {0}};
  epoll_ctl(epoll_set, EPOLL_CTL_ADD, empty[0], &event);
}

__attribute__((noinline)) void at_armed(void) { asm volatile(""); }  // @armed
__attribute__((noinline)) void at_tick(void) { asm volatile(""); }   // @tick

static int tick(void) {
  struct wait wait = {"epoll_wait", by_epoll, 0}, reading = {"read", by_read, -EAGAIN};
  pthread_create(&wait.thread, NULL, run, &wait);
  pthread_create(&reading.thread, NULL, run, &reading);
  while (!__atomic_load_n(&wait.end, __ATOMIC_SEQ_CST) || !__atomic_load_n(&reading.end, __ATOMIC_SEQ_CST)) {
    usleep(20000);
    at_tick();
  }
  pthread_join(wait.thread, NULL);
  pthread_join(reading.thread, NULL);
  printf("epoll_wait: %ld ms, read: %ld ms\n", (long)((wait.end - wait.begin) / 1000000), (long)((reading.end - reading.begin) / 1000000));
  return wait.result == 0 && reading.result == reading.expected ? 0 : 1;
}

int main(int argc, char** argv) {
  (void)argv;
  setvbuf(stdout, NULL, _IOLBF, 0);
  set_up();
  if (argc > 1) return tick();
  printf("semaphores %d\n", semaphores);  // for who started the program to remove: a rollback wants them back
  for (int i = 0; i < kWaits; ++i) pthread_create(&waits[i].thread, NULL, run, &waits[i]);
  const int64_t until = now() + kBefore * INT64_C(1000000);
  while (now() < until) usleep(10000);
  armed = now();
  at_armed();
  int failed = 0;
  for (int i = 0; i < kWaits; ++i) {
    struct wait* wait = &waits[i];
    pthread_join(wait->thread, NULL);
    printf("%s: %lld left, back at %lld\n", wait->name, (long long)(wait->begin + kWhole * INT64_C(1000000) - armed), (long long)wait->end);
    if (wait->result == wait->expected) continue;
    printf("FAIL %s: %ld\n", wait->name, wait->result);
    failed = 1;
  }
  puts(failed ? "FAIL" : "PASS");
  return failed;
}
