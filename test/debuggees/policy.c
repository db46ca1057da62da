// On which nodes memory is to lie: of the thread, of mappings (set_mempolicy, mbind). See state.h for the frame.
#include "state.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>

enum { kSize = 16 * 4096, kNodes = 1024 };
static unsigned char *loses, *gets, *goes, *other;
static int supported;

static long set(int mode, int node) {
  const unsigned long nodes[kNodes / 64] = {1};
  return syscall(SYS_set_mempolicy, mode, node ? nodes : NULL, node ? kNodes + 1 : 0);
}

static void bind_to(unsigned char* at, int mode) {
  const unsigned long nodes[kNodes / 64] = {1};
  const int has = mode != MPOL_DEFAULT;
  if (supported) must("mbind", syscall(SYS_mbind, at, kSize, mode, has ? nodes : NULL, has ? kNodes + 1 : 0, 0));
}

/** Of the thread where `at` is NULL. */
static void policy_is(const char* what, unsigned char* at, int wanted) {
  unsigned long nodes[kNodes / 64] = {0};
  int mode = -1;
  if (!supported) return;
  must(what, syscall(SYS_get_mempolicy, &mode, nodes, kNodes, at, at ? MPOL_F_ADDR : 0));
  check(what, mode, wanted);
  check(what, (long)nodes[0], wanted != MPOL_DEFAULT);
}

static unsigned char* map(int place) {
  void* wanted = (char*)0x320000000000 + ((long)place << 24);
  unsigned char* at = (unsigned char*)mmap(wanted, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  check_true("mmap", at == wanted);
  memset(at, place, kSize);
  return at;
}

static int is_mapped(unsigned char* at) {
  unsigned char resident;
  return mincore(at, 4096, &resident) == 0;
}

void set_up(void) {
  loses = map(1);
  gets = map(2);
  goes = map(3);
  other = map(4);
  // Not everywhere: a kernel without nodes, a container that forbids it.
  supported = set(MPOL_BIND, 1) == 0;
  bind_to(loses, MPOL_PREFERRED);
  bind_to(goes, MPOL_BIND);
  bind_to(other, MPOL_BIND);
}

void check_original(void) {
  policy_is("thread", NULL, MPOL_BIND);
  policy_is("loses", loses, MPOL_PREFERRED);
  policy_is("gets", gets, MPOL_DEFAULT);
  policy_is("goes", goes, MPOL_BIND);
  policy_is("other", other, MPOL_BIND);
  for (int i = 0; i < kSize; ++i) check("content", goes[i], 3);
}

void change(void) {
  if (supported) must("set_mempolicy", set(MPOL_INTERLEAVE, 1));
  bind_to(loses, MPOL_DEFAULT);
  bind_to(gets, MPOL_BIND);
  bind_to(other, MPOL_INTERLEAVE);
  must("munmap", munmap(goes, kSize));
}

void check_changed(void) {
  policy_is("thread", NULL, MPOL_INTERLEAVE);
  policy_is("loses", loses, MPOL_DEFAULT);
  policy_is("gets", gets, MPOL_BIND);
  policy_is("other", other, MPOL_INTERLEAVE);
  check_true("unmapped", !is_mapped(goes));
}

void change_otherwise(void) {
  if (supported) must("set_mempolicy", set(MPOL_DEFAULT, 0));
  bind_to(gets, MPOL_PREFERRED);
}
