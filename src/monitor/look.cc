// SPDX-License-Identifier: Apache-2.0
#include "monitor/look.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "os/process.h"

namespace memwhy::monitor {
namespace {

// "VmSwap:      12 kB" of /proc/PID/status and /proc/meminfo.
std::optional<Bytes> FindKib(std::string_view text, std::string_view key) {
  for (const std::string_view line : SplitLines(text)) {
    if (!StartsWith(line, key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    const auto fields = SplitFields(line.substr(key.size() + 1));
    if (fields.empty()) return std::nullopt;
    const auto kib = ParseUint(fields[0]);
    if (!kib || *kib > UINT64_MAX / 1024) return std::nullopt;
    return *kib * 1024;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> FindCount(std::string_view text, std::string_view key) {
  for (const std::string_view line : SplitLines(text)) {
    const auto fields = SplitFields(line);
    if (fields.size() == 2 && fields[0] == key) return ParseUint(fields[1]);
  }
  return std::nullopt;
}

bool IsPythonName(std::string_view name) {
  if (!StartsWith(name, "python")) return false;
  const std::string_view rest = name.substr(6);
  return std::all_of(rest.begin(), rest.end(),
                     [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == 'd'; });
}

HostLook LookAtHost(const FileSystem& fs) {
  HostLook host;
  if (const auto memory = fs.ReadSmall("/proc/meminfo")) {
    host.total = FindKib(*memory, "MemTotal");
    host.available = FindKib(*memory, "MemAvailable");
    host.swap_total = FindKib(*memory, "SwapTotal");
    host.swap_free = FindKib(*memory, "SwapFree");
  }
  if (const auto counters = fs.ReadSmall("/proc/vmstat")) {
    host.oom_kills = FindCount(*counters, "oom_kill");
  }
  return host;
}

CgroupLook LookAtCgroup(const FileSystem& fs, const os::CgroupLocation& location) {
  CgroupLook look;
  const auto memory = os::ReadCgroupMemory(fs, location);
  if (!memory) return look;
  look.current = memory->usage;
  look.limit = memory->limit;
  look.limit_directory = memory->limit_directory;
  look.oom_kills = memory->oom_kill;
  if (memory->usage && memory->inactive_file) {
    look.working_set = *memory->usage - std::min(*memory->usage, *memory->inactive_file);
  }
  return look;
}

}  // namespace

Result<ProcessLook> ParseLookStat(const std::string& text, Bytes page_bytes) {
  MEMWHY_TRY(const os::ProcessStat stat, os::ParseStat(text));
  ProcessLook process;
  process.name = stat.comm;
  process.parent = stat.parent;
  process.start_ticks = stat.start_ticks;
  const auto fields = SplitFields(Trim(std::string_view(text).substr(text.rfind(')') + 1)));
  // Fields 20 and 24 of the file; the first one here is its third.
  constexpr std::size_t kThreads = 20 - 3;
  constexpr std::size_t kRss = 24 - 3;
  if (fields.size() <= kRss) return Error("too few fields");
  const auto threads = ParseUint(fields[kThreads]);
  const auto pages = ParseUint(fields[kRss]);
  if (!threads || !pages || *pages > UINT64_MAX / page_bytes) return Error("not a number");
  process.threads = *threads;
  process.rss = *pages * page_bytes;
  return process;
}

std::string LabelOf(const std::vector<std::string>& arguments, const std::string& name) {
  if (arguments.empty() || arguments[0].empty()) return name;
  std::string label(Basename(arguments[0]));
  if (!IsPythonName(label)) return label;
  // What Python runs; its arguments may be secrets.
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "-m" && i + 1 < arguments.size()) return label + " -m " + arguments[i + 1];
    if (argument == "-c") return label + " -c";
    if (argument == "-X" || argument == "-W") {
      ++i;
    } else if (!StartsWith(argument, "-")) {
      return label + " " + std::string(Basename(argument));
    }
  }
  return label;
}

void Looker::Describe(const ProcessLook& process, Known* known) const {
  known->is_named = true;
  known->name_then = process.name;
  const auto arguments = os::ReadCommandLine(*fs_, process.pid);
  known->label = LabelOf(arguments ? *arguments : std::vector<std::string>{}, process.name);
  const auto executable = os::ReadExecutable(*fs_, process.pid);
  // Not all may follow the link of a process of another user.
  known->is_python = IsPythonName(process.name) ||
                     (executable && IsPythonName(Basename(*executable))) ||
                     (arguments && !arguments->empty() && IsPythonName(Basename((*arguments)[0])));
}

std::vector<ProcessLook> Looker::Candidates(std::uint64_t* seen) const {
  static const Bytes page_bytes = static_cast<Bytes>(sysconf(_SC_PAGESIZE));
  std::vector<ProcessLook> all;
  const auto add = [&](pid_t pid) {
    const auto text = fs_->ReadSmall(fmt::format("/proc/{}/stat", pid));
    auto process = text ? ParseLookStat(*text, page_bytes) : Result<ProcessLook>(text.error());
    if (!process) return;
    process->pid = pid;
    all.push_back(*std::move(process));
  };
  if (!options_.pids.empty() && !options_.tree) {
    for (const pid_t pid : options_.pids) add(pid);
    *seen = all.size();
    return all;
  }
  const auto names = fs_->ListDir("/proc");
  if (names) {
    for (const std::string& name : *names) {
      const auto pid = ParseUint(name);
      if (pid && *pid <= INT32_MAX) add(static_cast<pid_t>(*pid));
    }
  }
  *seen = all.size();
  if (options_.pids.empty()) return all;
  // Parents come before children only by chance: until nothing is added.
  std::set<pid_t> members(options_.pids.begin(), options_.pids.end());
  for (std::size_t before = 0; before != members.size();) {
    before = members.size();
    for (const ProcessLook& process : all) {
      if (members.count(process.parent) != 0) members.insert(process.pid);
    }
  }
  std::erase_if(all, [&](const ProcessLook& process) { return members.count(process.pid) == 0; });
  return all;
}

void Looker::AddDetails(ProcessLook* process, Known* known, Look* look) const {
  if (const auto status = fs_->ReadSmall(fmt::format("/proc/{}/status", process->pid))) {
    process->anon = FindKib(*status, "RssAnon");
    process->file = FindKib(*status, "RssFile");
    process->shmem = FindKib(*status, "RssShmem");
    process->swap = FindKib(*status, "VmSwap");
    process->page_tables = FindKib(*status, "VmPTE");
    // The sum of these is exact; the number of `stat` may lag behind by 64 pages per processor.
    if (process->anon && process->file && process->shmem) {
      process->rss = *process->anon + *process->file + *process->shmem;
    }
  }
  if (!known->has_looked_for_cgroup) {
    known->has_looked_for_cgroup = true;
    if (auto location = os::FindMemoryCgroup(*fs_, process->pid)) known->cgroup = *location;
  }
  if (!known->cgroup) return;
  process->cgroup = known->cgroup->directory;
  if (look->cgroups.count(process->cgroup) == 0) {
    look->cgroups.emplace(process->cgroup, LookAtCgroup(*fs_, *known->cgroup));
  }
}

Result<Look> Looker::Take(double time) {
  Look look;
  look.time = time;
  look.host = LookAtHost(*fs_);
  ++looks_;
  std::vector<ProcessLook> all = Candidates(&look.processes_seen);
  for (ProcessLook& process : all) {
    Known& known = known_[process.key()];
    known.last_look = looks_;
    if (!known.is_named || known.name_then != process.name) Describe(process, &known);
    process.label = known.label;
    process.is_python = known.is_python;
  }
  std::erase_if(known_, [&](const auto& entry) { return entry.second.last_look != looks_; });
  if (options_.pids.empty()) {
    // Kernel threads have no memory.
    std::erase_if(all, [&](const ProcessLook& process) {
      return process.rss == 0 || (options_.python_only && !process.is_python);
    });
  } else if (all.empty()) {
    return Error("none of the processes is there any more");
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const ProcessLook& a, const ProcessLook& b) { return a.rss > b.rss; });
  if (all.size() > options_.top) all.resize(options_.top);
  for (ProcessLook& process : all) AddDetails(&process, &known_[process.key()], &look);
  look.processes = std::move(all);
  return look;
}

}  // namespace memwhy::monitor
