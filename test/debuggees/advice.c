// What mappings have besides contents and protection: advice for fork, core dumps, merging and huge pages, locks, guard pages,
// names. With "large": of one mapping as a whole, which is large. Some is taken away, some given, and some of the mappings are removed. See state.h for the frame.
#include "state.h"

#include <sys/mman.h>
#include <sys/prctl.h>

enum { kPage = 4096, kPages = 16, kSize = kPages * kPage };
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
#define SET_VMA 0x53564d41

typedef struct {
  const char* flag;
  int on, off;  // of madvise; 0: a lock
} Advice;
static const Advice advices[] = {
    {"dc", MADV_DONTFORK, MADV_DOFORK},    {"wf", MADV_WIPEONFORK, MADV_KEEPONFORK},  {"dd", MADV_DONTDUMP, MADV_DODUMP},
    {"mg", MADV_MERGEABLE, MADV_UNMERGEABLE}, {"hg", MADV_HUGEPAGE, MADV_NOHUGEPAGE}, {"lo", 0, 0},
};
enum { kAdvices = sizeof advices / sizeof advices[0] };

/** Of each: one that loses it, one that is unmapped, one that gets it. */
static unsigned char *loses[kAdvices], *goes[kAdvices], *gets[kAdvices];
static unsigned char *guarded, *unguarded, *gone_guarded, *named, *gone_named, *renamed;
static int has[kAdvices], has_guards, has_names;
enum { kLarge = 48 << 20 };
static unsigned char* large;  // null without "large"

static unsigned char* place(void) {
  static char* next = (char*)0x310000000000;
  return (unsigned char*)(next += 16 << 20);
}

static void fill(unsigned char* at, int seed) {
  for (int i = 0; i < kSize; i += 64) at[i] = (unsigned char)(seed + i / kPage + i / 64);
}
static void check_filled(const char* what, const unsigned char* at, int seed, int from) {
  for (int i = from; i < kSize; i += 64) check(what, at[i], (unsigned char)(seed + i / kPage + i / 64));
}

static unsigned char* map(int seed) {
  void* wanted = place();
  unsigned char* at = (unsigned char*)mmap(wanted, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  check_true("mmap", at == wanted);
  fill(at, seed);
  return at;
}

static int advise(unsigned char* at, const Advice* advice, int on) {
  if (advice->on == 0) return on ? mlock(at, kSize) : munlock(at, kSize);
  return madvise(at, kSize, on ? advice->on : advice->off);
}

/** The VmFlags of the mapping that begins at `at`, or its name where `flag` is "name". */
static int mapping_has(const unsigned char* at, const char* flag) {
  char line[512], begin[32], wanted[16];
  int inside = 0, found = 0;
  snprintf(begin, sizeof begin, "%lx-", (unsigned long)at);
  snprintf(wanted, sizeof wanted, " %s", flag);
  FILE* file = fopen("/proc/self/smaps", "r");
  check_true("smaps", file != NULL);
  while (fgets(line, sizeof line, file)) {
    if (line[0] < 'A' || line[0] > 'Z') inside = strncmp(line, begin, strlen(begin)) == 0;
    if (!inside) continue;
    if (line[0] < 'A' || line[0] > 'Z') found |= strncmp(flag, "[anon:", 6) == 0 && strstr(line, flag) != NULL;
    else if (strncmp(line, "VmFlags:", 8) == 0) found |= strstr(line, wanted) != NULL;
  }
  fclose(file);
  return found;
}

static int is_mapped(const unsigned char* address) {
  unsigned char resident;
  return mincore((void*)address, kPage, &resident) == 0;
}

static int is_readable(const unsigned char* address) {
  int ends[2];
  must("pipe", pipe(ends));
  const int readable = write(ends[1], address, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return readable;
}

static int name(unsigned char* at, const char* text) { return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, kSize, text); }

static void large_is(const char* what, int forked) { check(what, mapping_has(large, "dc"), !forked); }

void set_up(void) {
  if (state_argc) {
    large = (unsigned char*)mmap(place(), kLarge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_true("mmap", large != MAP_FAILED);
    memset(large, 1, kLarge);
    return;
  }
  for (int i = 0; i < kAdvices; ++i) {
    loses[i] = map(i);
    goes[i] = map(20 + i);
    gets[i] = map(40 + i);
    // What this kernel is built without cannot be lost either.
    has[i] = advise(loses[i], &advices[i], 1) == 0;
    if (has[i]) must("advice", advise(goes[i], &advices[i], 1));
  }
  guarded = map(60);
  unguarded = map(61);
  gone_guarded = map(62);
  has_guards = madvise(guarded, 4 * kPage, MADV_GUARD_INSTALL) == 0;
  if (has_guards) must("guard", madvise(gone_guarded, 4 * kPage, MADV_GUARD_INSTALL));
  named = map(63);
  gone_named = map(64);
  renamed = map(65);
  has_names = name(named, "first") == 0;
  if (has_names) must("name", name(gone_named, "second"));
}

void check_original(void) {
  if (large) {
    large_is("forked", 1);
    return;
  }
  for (int i = 0; i < kAdvices; ++i) {
    check_filled(advices[i].flag, loses[i], i, 0);
    check_filled(advices[i].flag, goes[i], 20 + i, 0);
    check_filled(advices[i].flag, gets[i], 40 + i, 0);
    if (!has[i]) continue;
    check(advices[i].flag, mapping_has(loses[i], advices[i].flag), 1);
    check(advices[i].flag, mapping_has(goes[i], advices[i].flag), 1);
    // Advice on huge pages stays once it was given.
    if (strcmp(advices[i].flag, "hg") != 0) check(advices[i].flag, mapping_has(gets[i], advices[i].flag), 0);
  }
  if (has_guards) {
    check_true("guard", !is_readable(guarded) && !is_readable(guarded + 3 * kPage) && !is_readable(gone_guarded));
    check_filled("behind the guard", guarded, 60, 4 * kPage);
    check_filled("behind the guard of the unmapped one", gone_guarded, 62, 4 * kPage);
    check_filled("not guarded yet", unguarded, 61, 0);
  }
  if (has_names) {
    check("name", mapping_has(named, "[anon:first]"), 1);
    check("name of the unmapped one", mapping_has(gone_named, "[anon:second]"), 1);
    check("no name yet", mapping_has(renamed, "[anon:"), 0);
  }
}

void change(void) {
  if (large) {
    must("MADV_DONTFORK", madvise(large, kLarge, MADV_DONTFORK));
    return;
  }
  for (int i = 0; i < kAdvices; ++i) {
    if (has[i]) must("advice taken back", advise(loses[i], &advices[i], 0));
    must("munmap", munmap(goes[i], kSize));
    if (has[i] && strcmp(advices[i].flag, "hg") != 0) must("advice", advise(gets[i], &advices[i], 1));
  }
  if (has_guards) {
    must("no guard", madvise(guarded, 4 * kPage, MADV_GUARD_REMOVE));
    fill(guarded, 70);
    must("guard", madvise(unguarded, 2 * kPage, MADV_GUARD_INSTALL));
  }
  must("munmap", munmap(gone_guarded, kSize));
  must("munmap", munmap(gone_named, kSize));
  if (has_names) {
    must("no name", name(named, NULL));
    must("name", name(renamed, "third"));
  }
}

void check_changed(void) {
  if (large) {
    large_is("not forked", 0);
    // What comes right after a snapshot is no part of it.
    must("MADV_DOFORK", madvise(large, kLarge, MADV_DOFORK));
    for (int i = 0; i < kLarge; i += kPage) ++large[i];
    must("MADV_DONTFORK", madvise(large, kLarge, MADV_DONTFORK));
    return;
  }
  for (int i = 0; i < kAdvices; ++i) {
    check_filled(advices[i].flag, loses[i], i, 0);
    check_true("unmapped", !is_mapped(goes[i]));
    if (!has[i]) continue;
    check(advices[i].flag, mapping_has(loses[i], advices[i].flag), 0);
    if (strcmp(advices[i].flag, "hg") != 0) check(advices[i].flag, mapping_has(gets[i], advices[i].flag), 1);
  }
  if (has_guards) {
    check_filled("no guard any more", guarded, 70, 0);
    check_true("guard", !is_readable(unguarded) && is_readable(unguarded + 2 * kPage));
  }
  check_true("unmapped", !is_mapped(gone_guarded) && !is_mapped(gone_named));
  if (has_names) {
    check("name", mapping_has(named, "[anon:"), 0);
    check("name", mapping_has(renamed, "[anon:third]"), 1);
  }
}
