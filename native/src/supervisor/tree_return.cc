// Processes of a snapshot that are gone: they are made again, and go by another id where the kernel lets nobody choose.
#include "supervisor/tree.h"

#include <signal.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <set>

#include "supervisor/revival.h"

namespace rollpoint::supervisor {

using snapshot::RollbackResult;

// In the order of their numbers, and as one goes: where the kernel lets nobody choose, the next number is the next one.
std::set<const Relative*> Tree::bring_back(TreeSnapshot& wanted, RollbackResult& result) {
  std::set<const Relative*> there_again;
  struct Missing {
    pid_t id_inside;
    Member* member;
    Zombie* zombie;
    pid_t parent() const { return member ? member->relative->parent() : zombie->stat.parent; }
    std::string name() const { return (member ? "Child process " : "The ended child process ") + std::to_string(id_inside); }
  };
  std::vector<Missing> missing;
  auto tell = [&](std::string message) { result.warnings.push_back({"children", std::move(message)}); };
  for (auto& member : wanted.members) {
    if (member.relative->alive()) continue;
    if (member.relative->engine->has_snapshots()) missing.push_back({member.id_inside, &member, nullptr});
    else tell("Child process " + std::to_string(member.id_inside) + " has gone since and does not come back: it ended before its first snapshot was complete.");
  }
  const auto there = missing.empty() && wanted.zombies.empty() ? std::vector<Zombie>{} : zombies();
  for (auto& zombie : wanted.zombies)
    if (std::none_of(there.begin(), there.end(), [&](auto& other) { return other.pid == zombie.pid; })) missing.push_back({zombie.id_inside, nullptr, &zombie});
  std::sort(missing.begin(), missing.end(), [](auto& a, auto& b) { return a.id_inside < b.id_inside; });
  std::vector<std::pair<Zombie*, pid_t>> to_end;
  for (bool more = true; more;) {
    more = false;
    for (auto it = missing.begin(); it != missing.end();) {
      auto* parent = family_.process(it->parent());
      if (!parent) {
        ++it;
        continue;
      }
      try {
        const auto& stat = it->member ? it->member->stat : it->zombie->stat;
        const pid_t born = bear(*parent, {.id_inside = it->id_inside, .exit_signal = stat.exit_signal, .plain_signals = it->zombie != nullptr});
        if (const pid_t inside = parent->nested() ? tracee::id_inside("/proc/" + std::to_string(born)) : born; inside != it->id_inside)
          tell(it->name() + (it->member ? " had ended since; it is there again" : ", for which its parent has still to wait, is there again") + ", but its number is " + std::to_string(inside) + " now, which the program does not know. \"pidNamespace\" in the launch configuration keeps numbers.");
        free_name(born);
        if (!it->member) to_end.emplace_back(it->zombie, born);
        else if (!embody(*it->member, *parent, born)) tell(it->name() + " is there again, but its /proc/PID/exe names its parent's program: only a privileged user can change that.");
        if (it->member) there_again.insert(it->member->relative.get());
        more = true;
      } catch (const std::exception& error) {
        if (it->member && it->member->relative->alive()) give_up(*it->member->relative);
        tell(it->name() + " has gone since and does not come back: " + error.what());
      }
      it = missing.erase(it);
    }
  }
  for (auto& left : missing) tell(left.name() + " has gone since and does not come back: its parent is not part of the program.");
  for (auto& [zombie, born] : to_end) {
    end_as(*family_.process(zombie->stat.parent), born, zombie->stat.exit_status);
    rename(zombie->pid, born);
  }
  return there_again;
}

void Tree::rename(pid_t from, pid_t to) {
  if (from == to) return;
  std::set<Relative*> told;
  root_.note_renamed(from, to);
  for (auto& [id, tree] : snapshots_) {
    for (auto& member : tree.members) {
      if (told.insert(member.relative.get()).second) member.relative->engine->note_renamed(from, to);
      if (member.relative->parent() == from) member.relative->set_parent(to);
      if (member.relative->known_as == from) member.relative->known_as = to;
      for (pid_t* own : {&member.stat.parent, &member.stat.group, &member.stat.session})
        if (*own == from) *own = to;
    }
    for (auto& zombie : tree.zombies) {
      if (zombie.pid == from) zombie.pid = to;
      if (zombie.stat.parent == from) zombie.stat.parent = to;
    }
  }
}

void Tree::free_name(pid_t born) {
  pid_t name = 0;
  bool taken = false;
  std::set<Relative*> moved;
  for (auto& [id, tree] : snapshots_) {
    for (auto& member : tree.members) {
      name = std::min(name, member.relative->pid());
      if (!member.relative->alive() && member.relative->pid() == born) moved.insert(member.relative.get());
    }
    for (auto& zombie : tree.zombies) {
      name = std::min(name, zombie.pid);
      taken = taken || zombie.pid == born;
    }
  }
  if (moved.empty() && !taken) return;
  --name;  // no id of a live process is negative
  for (auto* relative : moved) relative->process().lose_id(name);
  rename(born, name);
}

bool Tree::embody(const Member& member, tracee::Process& parent, pid_t born) {
  auto& relative = *member.relative;
  const pid_t former = relative.pid();
  auto& process = relative.process();
  const auto scratch = process.scratch;  // where none of its snapshots has anything
  process.take_new_body(born);
  process.scratch = parent.scratch;  // copied with the memory
  process.add(born).note_stop(PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f);
  relative.set_job_stopped(false);
  if (relative.control) relative.control->stand_again();
  relative.engine->take_new_body(former);
  rename(former, born);
  for (auto& [id, other] : snapshots_)
    for (auto& entry : other.members)
      if (entry.relative.get() == &relative) family_.enroll(entry.relative);
  const bool same_file = tracee::take_program_space(process, relative.space, scratch.value_or(*parent.scratch));
  relative.engine->require_feasible(member.id);
  return same_file;
}

// There is no process rather than half of one.
void Tree::give_up(Relative& relative) {
  auto* parent = family_.process(relative.parent());
  const pid_t inside = relative.process().id_inside(relative.pid());
  family_.kill(relative);
  if (parent) reap(*parent, inside);
}

}  // namespace rollpoint::supervisor
