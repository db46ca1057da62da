#include "supervisor/orphans.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "supervisor/process_stat.h"

namespace rollpoint::supervisor {

namespace {

bool is_traced(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string field; status >> field;)
    if (field == "TracerPid:") return status >> field && field != "0";
  return false;
}

}  // namespace

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

void bury_orphans() {
  // Orphans go to the first thread of their new parent (find_new_reaper in kernel/exit.c).
  std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
  for (pid_t child; children >> child;) {
    const auto stat = read_process_stat(child);
    if (stat && stat->state == 'Z' && stat->session != getsid(0) && !is_traced(child)) waitpid(child, nullptr, WNOHANG | __WALL);
  }
}

}  // namespace rollpoint::supervisor
