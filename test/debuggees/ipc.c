// System V and POSIX IPC: "semaphores", "messages" of a System V queue, "segment" of shared memory (attached, and detached
// since), "queue" of POSIX, "removed": System V objects that are gone since.
#include "state.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static int semaphores, messages, segments, queues, removed;
static int set = -1, queue = -1, segment = -1;
static key_t key;
static mqd_t posix = (mqd_t)-1, copy = (mqd_t)-1;
static char posix_name[64];
static char* shared;
static char* second;

struct message {
  long type;
  char text[64];
};

union argument {
  int value;
  unsigned short* array;
};

static int is(const char* name) { return state_argc > 0 && strcmp(state_argv[0], name) == 0; }

static void send_text(long type, const char* text) {
  struct message m = {.type = type};
  strcpy(m.text, text);
  must("msgsnd", msgsnd(queue, &m, strlen(text) + 1, IPC_NOWAIT));
}

static void expect_text(long type, const char* text) {
  struct message m = {0};
  must("msgrcv", msgrcv(queue, &m, sizeof m.text, 0, IPC_NOWAIT));
  check("type of a message", m.type, type);
  check_text("message", m.text, text);
}

static void expect_count(int count) {
  struct msqid_ds description;
  must("msgctl", msgctl(queue, IPC_STAT, &description));
  check("messages", (long)description.msg_qnum, count);
}

static void set_values(unsigned short a, unsigned short b, unsigned short c) {
  unsigned short values[3] = {a, b, c};
  must("SETALL", semctl(set, 0, SETALL, (union argument){.array = values}));
}

static void expect_values(unsigned short a, unsigned short b, unsigned short c) {
  unsigned short values[3];
  must("GETALL", semctl(set, 0, GETALL, (union argument){.array = values}));
  check("first semaphore", values[0], a);
  check("second semaphore", values[1], b);
  check("third semaphore", values[2], c);
}

static void mq_put(const char* text, unsigned priority) { must("mq_send", mq_send(posix, text, strlen(text) + 1, priority)); }

static void mq_expect(const char* text, unsigned priority) {
  char got[64] = {0};
  unsigned with = 0;
  must("mq_receive", mq_receive(posix, got, sizeof got, &with));
  check_text("message", got, text);
  check("priority", with, priority);
}

static void mq_expect_count(long count) {
  struct mq_attr attributes;
  must("mq_getattr", mq_getattr(posix, &attributes));
  check("messages", attributes.mq_curmsgs, count);
}

void set_up(void) {
  semaphores = is("semaphores") || is("removed");
  messages = is("messages") || is("removed");
  segments = is("segment");
  queues = is("queue");
  removed = is("removed");
  key = 0x52500000 | (key_t)(getpid() & 0xffff);
  if (semaphores) {
    set = (int)must("semget", semget(removed ? key : IPC_PRIVATE, 3, IPC_CREAT | IPC_EXCL | 0600));
    set_values(1, 20, 300);
  }
  if (messages) {
    queue = (int)must("msgget", msgget(removed ? key : IPC_PRIVATE, IPC_CREAT | IPC_EXCL | 0600));
    send_text(3, "three");
    send_text(1, "one, somewhat longer");
    send_text(2, "");
  }
  if (segments) {
    segment = (int)must("shmget", shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600));
    shared = (char*)shmat(segment, NULL, 0);
    second = (char*)shmat(segment, NULL, 0);
    check_true("shmat", shared != (char*)-1 && second != (char*)-1);
    strcpy(shared + 4096, "original");
  }
  if (queues) {
    snprintf(posix_name, sizeof posix_name, "/rollpoint-%d", getpid());
    struct mq_attr attributes = {.mq_maxmsg = 8, .mq_msgsize = 64};
    posix = (mqd_t)must("mq_open", mq_open(posix_name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attributes));
    // Nameless from here on, so that it goes when the program is killed.
    must("mq_unlink", mq_unlink(posix_name));
    copy = (mqd_t)must("dup", dup(posix));
    mq_put("low", 1);
    mq_put("high", 9);
    mq_put("low again", 1);
  }
}

void check_original(void) {
  if (semaphores) expect_values(1, 20, 300);
  if (messages) {
    expect_text(3, "three");
    expect_text(1, "one, somewhat longer");
    expect_text(2, "");
    expect_count(0);
  }
  if (segments) {
    check_text("shared memory", second + 4096, "original");
    strcpy(second + 8192, "seen by both");
    check_text("second mapping", shared + 8192, "seen by both");
    memset(second + 8192, 0, 16);
  }
  if (queues) {
    mq_expect("high", 9);
    mq_expect("low", 1);
    mq_expect("low again", 1);
    mq_expect_count(0);
  }
}

void change(void) {
  if (removed) {
    must("IPC_RMID", semctl(set, 0, IPC_RMID));
    must("IPC_RMID", msgctl(queue, IPC_RMID, NULL));
    return;
  }
  if (semaphores) set_values(7, 0, 5);
  if (messages) send_text(8, "changed");
  if (segments) {
    strcpy(shared + 4096, "changed");
    must("shmdt", shmdt(shared));
    must("shmdt", shmdt(second));
  }
  if (queues) {
    mq_put("changed", 4);
    must("mq_close", mq_close(posix));
    posix = copy;
  }
}

void check_changed(void) {
  if (removed) {
    union argument none = {0};
    check("the set is gone", semctl(set, 0, GETVAL, none), -1);
    check("the queue is gone", msgctl(queue, IPC_STAT, NULL), -1);
    return;
  }
  if (semaphores) expect_values(7, 0, 5);
  if (messages) expect_count(1);
  if (segments) {
    struct shmid_ds description;
    must("IPC_STAT", shmctl(segment, IPC_STAT, &description));
    check("attached", (long)description.shm_nattch, 0);
  }
  if (queues) {
    mq_expect_count(1);
    mq_expect("changed", 4);
    mq_put("changed", 4);
  }
}

void clean_up(void) {
  if (semaphores) semctl(set, 0, IPC_RMID);
  if (messages) msgctl(queue, IPC_RMID, NULL);
  if (segments) shmctl(segment, IPC_RMID, NULL);
}
