// Threads that end and threads that are born: number, identity, thread-local memory, what they wait in, joinability.
// See state.h for the frame.
#include "state.h"

#include <semaphore.h>
#include <time.h>

enum { kWorkers = 10, kEnding = 6, kBorn = 20 };

struct Worker {
  pthread_t thread;
  pid_t tid;
  int pipe[2];
  sem_t wanted, done;
  int number, command, answer;
};

enum { kCount = 1, kEnd = 2 };

static struct Worker workers[kWorkers], born[kBorn];
static __thread int local_count;

/** Each waits in another way: in a read, a semaphore, or by short sleeps. */
static void wait_for_command(struct Worker* worker) {
  char byte;
  if (worker->number % 3 == 0) {
    check("read", read(worker->pipe[0], &byte, 1), 1);
  } else if (worker->number % 3 == 1) {
    while (sem_wait(&worker->wanted) != 0) check("sem_wait", errno, EINTR);
  } else {
    while (sem_trywait(&worker->wanted) != 0) usleep(500);
  }
}

static void* work(void* argument) {
  struct Worker* worker = (struct Worker*)argument;
  worker->tid = (pid_t)syscall(SYS_gettid);
  local_count = worker->number * 100;
  sem_post(&worker->done);
  for (;;) {
    wait_for_command(worker);
    if (worker->command == kEnd) return (void*)(long)(worker->number + 1000);
    check("its number", syscall(SYS_gettid), worker->tid);
    worker->answer = ++local_count;
    sem_post(&worker->done);
  }
}

static void start(struct Worker* worker, int number) {
  worker->number = number;
  sem_init(&worker->wanted, 0, 0);
  sem_init(&worker->done, 0, 0);
  check("pthread_create", pthread_create(&worker->thread, NULL, work, worker), 0);
  while (sem_wait(&worker->done) != 0) {
  }
}

static void tell(struct Worker* worker, int command) {
  worker->command = command;
  if (worker->number % 3 == 0) {
    check("write", write(worker->pipe[1], "x", 1), 1);
  } else {
    sem_post(&worker->wanted);
  }
}

static int count(struct Worker* worker) {
  tell(worker, kCount);
  while (sem_wait(&worker->done) != 0) {
  }
  return worker->answer;
}

static void end(struct Worker* worker) {
  void* result;
  tell(worker, kEnd);
  check("pthread_join", pthread_join(worker->thread, &result), 0);
  check("result of the thread", (long)result, worker->number + 1000);
}

void set_up(void) {
  // All pipes here: pipes that come and go are a kind of their own.
  for (int i = 0; i < kWorkers; ++i) must("pipe", pipe(workers[i].pipe));
  for (int i = 0; i < kBorn; ++i) must("pipe", pipe(born[i].pipe));
  for (int i = 0; i < kWorkers; ++i) start(&workers[i], i);
}

void check_original(void) {
  for (int i = 0; i < kWorkers; ++i) check("thread-local count", count(&workers[i]), 100 * i + 1);
}

void change(void) {
  for (int i = 0; i < kEnding; ++i) end(&workers[i]);
  for (int i = 0; i < kBorn; ++i) start(&born[i], 200 + i);
}

void check_changed(void) {
  for (int i = kEnding; i < kWorkers; ++i) check_true("an old thread counts on", count(&workers[i]) >= 100 * i + 2);
  for (int i = 0; i < kBorn; ++i) check_true("a new thread counts", count(&born[i]) > 100 * (200 + i));
}

void change_otherwise(void) {
  for (int i = kWorkers - 1; i >= 2; --i) end(&workers[i]);
  for (int i = 0; i < 3; ++i) start(&born[i], 300 + i);
}

void clean_up(void) {
  // Where the state was left as it is, all ten are still there.
  for (int i = state_changed ? kEnding : 0; i < kWorkers; ++i) end(&workers[i]);
  for (int i = 0; state_changed && i < kBorn; ++i) end(&born[i]);
}
