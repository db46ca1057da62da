// Ends as told: `exit N`, `_exit N`, `signal N`, `abort`, `thread N` (exit from a thread), `exec PROGRAM ARGS…`,
// `alarms N`: by _exit, with a handler for SIGALRM.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void on_alarm(int signal) {
  (void)signal;
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
    signal(SIGALRM, on_alarm);
    _exit(number);
  }
  return number;
}
