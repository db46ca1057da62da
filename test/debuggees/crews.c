// Child processes with several threads: one in which threads end and are born, one that ends, one that is born. Each thread
// waits in another way, and is reached by a signal meant for it alone. "--numbers": all have the same numbers always.
// See state.h for the frame.
#include "state.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { kFirst = 6, kLeaving = 3, kLater = 4, kMost = 16, kSignal = SIGUSR2 };
enum { kEndAll = -1, kRelieve = -2 };

typedef struct {
  pid_t pid;
  int to, from;  // our ends
} Crew;

typedef struct {
  pthread_t thread;
  pid_t tid;
  int number, ends;
  long value, asked;
  int pipe[2];
  sem_t wanted, done;
  volatile int signals;
} Hand;

static Crew lasting, leaver, newborn;
static int numbers;

// Of a child.
static Hand hands[kMost];
static pthread_mutex_t checked;  // knows who has it
static __thread Hand* own;

static void note_signal(int signal) {
  (void)signal;
  if (own) ++own->signals;
}

static void wait_for_order(Hand* hand) {
  char byte;
  if (hand->number % 3 == 0) {
    while (read(hand->pipe[0], &byte, 1) != 1) check("read", errno, EINTR);
  } else if (hand->number % 3 == 1) {
    while (sem_wait(&hand->wanted) != 0) check("sem_wait", errno, EINTR);
  } else {
    while (sem_trywait(&hand->wanted) != 0) usleep(500);
  }
}

static void* serve(void* argument) {
  Hand* hand = own = (Hand*)argument;
  hand->tid = (pid_t)syscall(SYS_gettid);
  for (;;) {
    sem_post(&hand->done);
    wait_for_order(hand);
    if (hand->ends) return (void*)(1000L + hand->number);
    if (numbers) check("the number of a child's thread", syscall(SYS_gettid), hand->tid);
    check_true("a child's thread knows itself", pthread_equal(pthread_self(), hand->thread));
    check("the lock", pthread_mutex_lock(&checked), 0);
    check("the lock, whose it is", pthread_mutex_lock(&checked), EDEADLK);
    hand->value += hand->asked;
    check("the lock", pthread_mutex_unlock(&checked), 0);
    const int before = hand->signals;
    check("pthread_kill", pthread_kill(pthread_self(), kSignal), 0);
    check("the signal to itself", hand->signals, before + 1);
  }
}

static void await_done(Hand* hand) {
  while (sem_wait(&hand->done) != 0) check("sem_wait", errno, EINTR);
}

static void tell(Hand* hand) {
  if (hand->number % 3 == 0) check("write", write(hand->pipe[1], "x", 1), 1);
  else sem_post(&hand->wanted);
}

static void begin(int number, long value) {
  Hand* hand = &hands[number];
  hand->number = number;
  hand->value = value;
  hand->signals = hand->ends = 0;
  sem_init(&hand->wanted, 0, 0);
  sem_init(&hand->done, 0, 0);
  check("pthread_create", pthread_create(&hand->thread, NULL, serve, hand), 0);
  await_done(hand);
}

static void end(Hand* hand) {
  if (!hand->thread) return;
  void* result;
  hand->ends = 1;
  tell(hand);
  check("pthread_join", pthread_join(hand->thread, &result), 0);
  check("the result of a child's thread", (long)result, 1000 + hand->number);
  hand->thread = 0;
}

static long add_to_all(long what) {
  long sum = 0;
  for (int i = 0; i < kMost; ++i) {
    Hand* hand = &hands[i];
    if (!hand->thread) continue;
    const int before = hand->signals;
    check("pthread_kill", pthread_kill(hand->thread, kSignal), 0);
    while (hand->signals == before) usleep(200);
    hand->asked = what;
    tell(hand);
    await_done(hand);
    sum += hand->value;
  }
  return sum;
}

__attribute__((noreturn)) static void run(int from, int to, int value) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sigaction action = {.sa_handler = note_signal};
  sigaction(kSignal, &action, NULL);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checked, &attributes);
  // All pipes here: pipes that come and go are a kind of their own.
  for (int i = 0; i < kMost; ++i) must("pipe", pipe2(hands[i].pipe, O_CLOEXEC));
  for (int i = 0; i < kFirst; ++i) begin(i, value);
  for (;;) {
    long order;
    if (read(from, &order, sizeof order) != sizeof order) _exit(2);
    if (order == kEndAll) {
      for (int i = 0; i < kMost; ++i) end(&hands[i]);
      _exit(value);
    }
    if (order == kRelieve) {
      for (int i = 0; i < kLeaving; ++i) end(&hands[i]);
      for (int i = kFirst; i < kFirst + kLater; ++i) begin(i, value + 1);
    }
    const long sum = add_to_all(order == kRelieve ? 0 : order);
    if (write(to, &sum, sizeof sum) != sizeof sum) _exit(3);
  }
}

static Crew start(int value) {
  int there[2], back[2];
  must("pipe", pipe2(there, O_CLOEXEC));
  must("pipe", pipe2(back, O_CLOEXEC));
  Crew crew = {(pid_t)must("fork", fork()), there[1], back[0]};
  if (crew.pid == 0) {
    close(there[1]);
    close(back[0]);
    run(there[0], back[1], value);
  }
  close(there[0]);
  close(back[1]);
  return crew;
}

static long ask(const Crew* crew, long order) {
  long sum = -1;
  if (write(crew->to, &order, sizeof order) != sizeof order) state_fail("an order", "could not be given");
  if (order == kEndAll) {
    int status = -1;
    const pid_t ended = (pid_t)must("waitpid", waitpid(numbers ? crew->pid : -1, &status, 0));
    if (numbers) check("who has ended", ended, crew->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  if (read(crew->from, &sum, sizeof sum) != sizeof sum) state_fail("an answer", "did not come");
  return sum;
}

void set_up(void) {
  for (int i = 0; i < state_argc; ++i) numbers |= strcmp(state_argv[i], "--numbers") == 0;
  lasting = start(10);
  leaver = start(20);
  check("the lasting child", ask(&lasting, 0), kFirst * 10);
  check("the leaver", ask(&leaver, 0), kFirst * 20);
}

void check_original(void) {
  check("the lasting child", ask(&lasting, 0), kFirst * 10);
  check("the leaver", ask(&leaver, 0), kFirst * 20);
}

void change(void) {
  check("the lasting child", ask(&lasting, kRelieve), (kFirst - kLeaving) * 10 + kLater * 11);
  check("the leaver's code", ask(&leaver, kEndAll), 20);
  newborn = start(30);
  check("the newborn", ask(&newborn, 1), kFirst * 31);
}

void check_changed(void) {
  check("the lasting child", ask(&lasting, 0), (kFirst - kLeaving) * 10 + kLater * 11);
  check("the newborn", ask(&newborn, 0), kFirst * 31);
  if (numbers) check("the leaver is gone", kill(leaver.pid, 0), -1);
}

void change_otherwise(void) {
  check("the lasting child", ask(&lasting, 5), kFirst * 15);
  check("the leaver's code", ask(&leaver, kEndAll), 20);
  newborn = start(40);
  check("another newborn", ask(&newborn, 0), kFirst * 40);
}

void clean_up(void) {
  check("the lasting child's code", ask(&lasting, kEndAll), 10);
  check("the newborn's code", ask(&newborn, kEndAll), 30);
  check("no child is left", waitpid(-1, NULL, 0), -1);
}
