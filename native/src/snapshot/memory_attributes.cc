#include "snapshot/memory_attributes.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "tracee/remote_syscalls.h"

namespace rollpoint::snapshot {

using memory::Vma;
using memory::VmaFlags;
using memory::VmFlags;
using tracee::RemoteCall;
using tracee::RemoteSyscalls;
using util::Range;
using util::RangeSet;

namespace {

// Absent from older headers (asm-generic/mman-common.h, linux/prctl.h).
constexpr uint64_t kGuardInstall = 102, kGuardRemove = 103;
constexpr uint64_t kSetVma = 0x53564d41, kSetVmaAnonName = 0;

struct Attribute {
  const char* name;
  bool (*has)(const VmFlags&);
  /// 0: there is no way back, and no harm in it.
  RemoteCall (*set)(uint64_t start, uint64_t size, bool on);
};

template <int On, int Off>
RemoteCall advise(uint64_t start, uint64_t size, bool on) {
  return {SYS_madvise, {start, size, static_cast<uint64_t>(on ? On : Off)}};
}

const Attribute kAttributes[] = {
    {"kept out of child processes (MADV_DONTFORK)", [](const VmFlags& f) { return f.dc; }, advise<MADV_DONTFORK, MADV_DOFORK>},
    {"wiped in child processes (MADV_WIPEONFORK)", [](const VmFlags& f) { return f.wf; }, advise<MADV_WIPEONFORK, MADV_KEEPONFORK>},
    {"left out of core dumps (MADV_DONTDUMP)", [](const VmFlags& f) { return f.dd; }, advise<MADV_DONTDUMP, MADV_DODUMP>},
    {"offered for merging (MADV_MERGEABLE)", [](const VmFlags& f) { return f.mg; }, advise<MADV_MERGEABLE, MADV_UNMERGEABLE>},
    {"locked (mlock)", [](const VmFlags& f) { return f.lo; },
     [](uint64_t start, uint64_t size, bool on) -> RemoteCall { return {static_cast<uint64_t>(on ? SYS_mlock : SYS_munlock), {start, size}}; }},
};

// Huge pages: wanted, unwanted, or left to the system. The last cannot be asked for again (mm/madvise.c).
bool same_huge_pages(const VmFlags& a, const VmFlags& b) { return a.hg == b.hg && a.nh == b.nh; }

bool has_any(const VmFlags& flags) {
  return flags.hg || flags.nh || flags.gu || std::any_of(std::begin(kAttributes), std::end(kAttributes), [&](auto& attribute) { return attribute.has(flags); });
}

std::string range_text(const Range& range) {
  char text[64];
  snprintf(text, sizeof text, "%lx-%lx", range.start, range.end);
  return text;
}

using Difference = std::function<void(const Range&, const VmFlags& now, const VmFlags& wanted)>;

// Pieces over which neither list changes, where they differ.
void for_each_difference(const std::vector<VmaFlags>& now, const std::vector<VmaFlags>& wanted, const Difference& fn) {
  std::vector<uint64_t> cuts;
  for (auto* list : {&now, &wanted})
    for (auto& each : *list) cuts.insert(cuts.end(), {each.start, each.end});
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  size_t n = 0, w = 0;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const Range range{cuts[i], cuts[i + 1]};
    while (n < now.size() && now[n].end <= range.start) ++n;
    while (w < wanted.size() && wanted[w].end <= range.start) ++w;
    const VmFlags a = n < now.size() && now[n].start <= range.start ? now[n].flags : VmFlags{};
    const VmFlags b = w < wanted.size() && wanted[w].start <= range.start ? wanted[w].flags : VmFlags{};
    if (a != b) fn(range, a, b);
  }
}

std::string anonymous_name(const Vma* vma) {
  return vma && !vma->shared && vma->path.starts_with("[anon:") ? vma->path.substr(6, vma->path.size() - 7) : std::string();
}

}  // namespace

MemoryAttributes read_memory_attributes(pid_t pid, memory::Pagemap& pagemap, const std::vector<Vma>& maps) {
  MemoryAttributes result;
  for (auto each : memory::read_smaps_flags(pid)) {
    if (each.flags.io || each.flags.pf || !has_any(each.flags)) continue;  // the kernel's own, and devices
    if (!memory::find_vma(maps, each.start)) continue;                     // ours
    if (each.flags.gu && pagemap.guard_category()) {
      memory::ScanRequest request{.start = each.start, .end = each.end, .category_mask = pagemap.guard_category()};
      pagemap.scan(request, [&](uint64_t start, uint64_t end, uint64_t) { result.guards.add(start, end); });
    }
    // Only what is put back counts as a difference.
    VmFlags flags;
    flags.dc = each.flags.dc, flags.wf = each.flags.wf, flags.dd = each.flags.dd, flags.mg = each.flags.mg, flags.lo = each.flags.lo;
    flags.hg = each.flags.hg, flags.nh = each.flags.nh;
    result.mappings.push_back({each.start, each.end, flags});
  }
  return result;
}

util::Warnings restore_memory_attributes(tracee::Process& process, memory::Pagemap& pagemap, const std::vector<Vma>& maps, const MemoryAttributes& wanted) {
  util::Warnings left;
  auto now = read_memory_attributes(process.pid(), pagemap, maps);
  std::vector<RemoteCall> calls;
  std::vector<std::string> names;
  auto add = [&](const RemoteCall& call, std::string name) {
    calls.push_back(call);
    names.push_back(std::move(name));
  };
  RangeSet mapped;
  for (auto& vma : maps) mapped.add(vma.range());
  for (auto& range : util::intersect(util::subtract(now.guards, wanted.guards), mapped)) add({SYS_madvise, {range.start, range.bytes(), kGuardRemove}}, "without guard pages");
  for (auto& range : util::intersect(util::subtract(wanted.guards, now.guards), mapped)) add({SYS_madvise, {range.start, range.bytes(), kGuardInstall}}, "a guard (MADV_GUARD_INSTALL)");
  for_each_difference(now.mappings, wanted.mappings, [&](const Range& piece, const VmFlags& a, const VmFlags& b) {
    for (auto& range : util::intersect(RangeSet{piece}, mapped)) {
      for (auto& attribute : kAttributes)
        if (attribute.has(a) != attribute.has(b)) add(attribute.set(range.start, range.bytes(), attribute.has(b)), std::string(attribute.has(b) ? "" : "not ") + attribute.name);
      if (same_huge_pages(a, b)) continue;
      if (b.hg || b.nh) add({SYS_madvise, {range.start, range.bytes(), static_cast<uint64_t>(b.hg ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)}}, b.hg ? "for huge pages" : "without huge pages");
      else left.push_back({"memoryAttribute", "The memory at " + range_text(range) + " was advised on huge pages since; the kernel keeps that advice, which changes speed and nothing else."});
    }
  });
  RemoteSyscalls(process).batch(calls);
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i].result < 0) left.push_back({"memoryAttribute", "The memory at " + range_text({calls[i].arguments[0], calls[i].arguments[0] + calls[i].arguments[1]}) + " was " + names[i] + " at the snapshot, and cannot be made so again."});
  return left;
}

void ask_for_attributes(tracee::Process& process, const std::vector<Vma>& maps, const MemoryAttributes& wanted) {
  if (wanted.empty()) return;
  RangeSet mapped;
  for (auto& vma : maps) mapped.add(vma.range());
  std::vector<RemoteCall> calls;
  for (auto& mapping : wanted.mappings) {
    for (auto& range : util::intersect(RangeSet{{mapping.start, mapping.end}}, mapped)) {
      for (auto& attribute : kAttributes) calls.push_back(attribute.set(range.start, range.bytes(), attribute.has(mapping.flags)));
      if (mapping.flags.hg || mapping.flags.nh) calls.push_back({SYS_madvise, {range.start, range.bytes(), static_cast<uint64_t>(mapping.flags.hg ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)}});
    }
  }
  RemoteSyscalls(process).batch(calls);
}

void restore_mapping_names(tracee::Process& process, const std::vector<Vma>& now, const std::vector<Vma>& wanted) {
  std::vector<std::pair<Range, std::string>> changes;
  for (auto& vma : wanted) {
    if (vma.shared || vma.is_file() || vma.is_stack() || vma.is_heap()) continue;
    const std::string name = anonymous_name(&vma);
    for (auto it = std::lower_bound(now.begin(), now.end(), vma.start, [](const Vma& other, uint64_t start) { return other.end <= start; }); it != now.end() && it->start < vma.end; ++it)
      if (anonymous_name(&*it) != name) changes.push_back({{std::max(it->start, vma.start), std::min(it->end, vma.end)}, name});
  }
  if (changes.empty()) return;
  RemoteSyscalls remote(process);
  for (auto& [range, name] : changes) remote.call(SYS_prctl, kSetVma, kSetVmaAnonName, range.start, range.bytes(), name.empty() ? 0 : remote.put(name.c_str(), name.size() + 1));
}

std::vector<std::string> compare_memory_attributes(const MemoryAttributes& now, const MemoryAttributes& wanted) {
  std::vector<std::string> result;
  for_each_difference(now.mappings, wanted.mappings, [&](const Range& range, const VmFlags& a, const VmFlags& b) {
    for (auto& attribute : kAttributes)
      if (attribute.has(a) != attribute.has(b)) result.push_back(range_text(range) + (attribute.has(b) ? " is not " : " is ") + attribute.name);
    if (!same_huge_pages(a, b) && (b.hg || b.nh)) result.push_back(range_text(range) + " has other advice on huge pages");
  });
  if (!(now.guards == wanted.guards)) result.push_back("the guard pages are others");
  return result;
}

}  // namespace rollpoint::snapshot
