// Ends as told: `exit N`, `_exit N`, `signal N`, `abort`, `thread N` (exit from a thread), `exec PROGRAM ARGS…`,
// `alarms N`: by _exit, with three signals to be handled meanwhile.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static volatile int alarms;

static void count_alarm(int signal) {
  (void)signal;
  const struct itimerval none = {{0, 0}, {0, 0}};
  if (++alarms == 3) setitimer(ITIMER_REAL, &none, NULL);
}

static void* exit_from_thread(void* code) {
  exit((int)(long)code);
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "exit";
  int number = argc > 2 ? atoi(argv[2]) : 0;
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  printf("ending by %s\n", how); // @end
  fflush(stdout);
  if (strcmp(how, "_exit") == 0) {
    _exit(number);
  } else if (strcmp(how, "signal") == 0) {
    raise(number);
  } else if (strcmp(how, "abort") == 0) {
    abort();
  } else if (strcmp(how, "exec") == 0 && argc > 2) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
  } else if (strcmp(how, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, exit_from_thread, (void*)(long)number);
    pthread_join(thread, NULL);
  } else if (strcmp(how, "alarms") == 0) {
    const struct itimerval often = {{0, 500}, {0, 500}};
    signal(SIGALRM, count_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    _exit(number);
  }
  return number;
}
