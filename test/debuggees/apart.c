// A thread with a working directory and descriptors of its own (unshare). See state.h for the frame.
#include "state.h"

#include <sched.h>
#include <semaphore.h>

static pthread_t thread;
static sem_t ready, quit;

static void* run(void* unused) {
  must("unshare", unshare(CLONE_FS | CLONE_FILES));
  must("chdir", chdir("/usr"));
  must("close", close(0));
  sem_post(&ready);
  while (sem_wait(&quit) != 0) check("sem_wait", errno, EINTR);
  return unused;
}

void set_up(void) {
  sem_init(&ready, 0, 0);
  sem_init(&quit, 0, 0);
  check("pthread_create", pthread_create(&thread, NULL, run, NULL), 0);
  while (sem_wait(&ready) != 0) check("sem_wait", errno, EINTR);
}

void check_original(void) {}
void change(void) {}
void check_changed(void) {}

void clean_up(void) {
  sem_post(&quit);
  check("pthread_join", pthread_join(thread, NULL), 0);
}
