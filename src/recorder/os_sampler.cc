// SPDX-License-Identifier: Apache-2.0
#include "recorder/os_sampler.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "os/descriptors.h"
#include "os/pagemap.h"
#include "os/smaps.h"
#include "os/statm.h"
#include "recorder/ring/arena_walk.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

// A process may have a million descriptors: counting them takes a hundredth of the time at most.
constexpr std::uint64_t kDescriptorsNs = 200'000'000;
constexpr std::uint64_t kDescriptorsShare = 100;

struct CpuAndThreads {
  double cpu_seconds = 0;
  std::uint32_t threads = 0;
};

// Fields 14, 15 and 20 of /proc/PID/stat, counted from the end of the command's name.
std::optional<CpuAndThreads> ParseStat(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto fields = SplitFields(Trim(text.substr(name_end + 1)));
  constexpr std::size_t kFirst = 3;  // number of the first field there
  constexpr std::size_t kUser = 14 - kFirst;
  constexpr std::size_t kSystem = 15 - kFirst;
  constexpr std::size_t kThreads = 20 - kFirst;
  if (fields.size() <= kThreads) return std::nullopt;
  const auto user = ParseUint(fields[kUser]);
  const auto system = ParseUint(fields[kSystem]);
  const auto threads = ParseUint(fields[kThreads]);
  if (!user || !system || !threads) return std::nullopt;
  static const double kTicksPerSecond = static_cast<double>(sysconf(_SC_CLK_TCK));
  return CpuAndThreads{static_cast<double>(*user + *system) / kTicksPerSecond,
                       static_cast<std::uint32_t>(*threads)};
}

model::Mapping ToMapping(os::Vma&& vma) {
  model::Mapping mapping;
  mapping.begin = vma.start;
  mapping.end = vma.end;
  mapping.permissions = std::move(vma.perms);
  mapping.inode = vma.inode;
  mapping.name = std::move(vma.name);
  mapping.rss = vma.rss;
  mapping.anonymous = vma.anonymous;
  mapping.private_dirty = vma.private_dirty;
  mapping.swap = vma.swap;
  return mapping;
}

}  // namespace

OsSampler::OsSampler(const FileSystem* fs, pid_t pid, std::uint32_t process)
    : fs_(fs), pid_(pid), process_(process) {
  if (auto location = os::FindMemoryCgroup(*fs, pid)) cgroup_ = *std::move(location);
  SawOomKill();  // the count to start from
}

Result<model::OsSample> OsSampler::Sample() {
  MEMWHY_TRY(const os::Statm statm, os::ReadStatm(*fs_, pid_));
  // A process that has ended and waits for its parent has no memory: that is no sample of it.
  if (statm.size == 0) return Error("the process has ended");
  MEMWHY_TRY(const std::string stat, fs_->ReadSmall(fmt::format("/proc/{}/stat", pid_)));
  model::OsSample sample;
  sample.process = model::ProcessId{process_};
  sample.rss = statm.rss;
  sample.shared = statm.shared;
  if (const auto parsed = ParseStat(stat)) {
    sample.threads = parsed->threads;
    sample.cpu_seconds = parsed->cpu_seconds;
  }
  if (cgroup_) {
    if (const auto memory = os::ReadCgroupMemory(*fs_, *cgroup_)) {
      sample.cgroup_current = memory->usage;
      sample.cgroup_limit = memory->limit;
      sample.cgroup_inactive_file = memory->inactive_file;
      sample.cgroup_shmem = memory->shmem;
      sample.cgroup_kernel = memory->kernel;
      if (memory->file) {
        sample.cgroup_file = *memory->file - std::min(*memory->file, memory->shmem.value_or(0));
      }
      oom_watch_.Note(wire::MonotonicNs(), memory->oom_kill);
    }
  }
  if (const std::uint64_t now = wire::MonotonicNs(); now >= next_descriptors_ns_) {
    if (const auto open = fs_->ListDir(fmt::format("/proc/{}/fd", pid_))) {
      sample.descriptors = open->size();
    }
    const std::uint64_t cost = wire::MonotonicNs() - now;
    next_descriptors_ns_ = now + std::max(kDescriptorsNs, kDescriptorsShare * cost);
  }
  return sample;
}

Result<model::MapsPass> OsSampler::Pass(const std::string& at, const RingMap* ring) const {
  model::MapsPass pass;
  pass.process = model::ProcessId{process_};
  pass.at = at;
  MEMWHY_TRY(auto vmas, os::ReadSmaps(*fs_, pid_));
  for (os::Vma& vma : vmas) pass.mappings.push_back(ToMapping(std::move(vma)));
  if (const auto pagemap = os::Pagemap::Open(pid_)) {
    pass.residency_known = true;
    for (const model::Mapping& mapping : pass.mappings) {
      if (mapping.inode != 0 || mapping.rss == 0) continue;
      const auto runs = pagemap->ReadRuns(mapping.begin, mapping.end);
      if (!runs) continue;  // unmapped meanwhile
      for (const os::PageRun& run : *runs) {
        if (run.is_swapped) continue;
        if (!pass.resident.empty() && pass.resident.back().end == run.start) {
          pass.resident.back().end = run.end;
        } else {
          pass.resident.push_back({run.start, run.end});
        }
      }
    }
  }
  if (ring != nullptr) {
    pass.arenas =
        WalkArenas(pid_, ring->Arenas(), ring->info().arena_bytes, ring->info().pool_bytes, pass);
  }
  pass.descriptors = os::CountDescriptors(*fs_, pid_);
  return pass;
}

bool OsSampler::SawOomKill() {
  if (!cgroup_) return false;
  const std::uint64_t now = wire::MonotonicNs();
  if (const auto memory = os::ReadCgroupMemory(*fs_, *cgroup_)) {
    oom_watch_.Note(now, memory->oom_kill);
  }
  return oom_watch_.RoseBefore(now);
}

}  // namespace memwhy::recorder
