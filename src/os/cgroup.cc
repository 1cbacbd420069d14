// SPDX-License-Identifier: Apache-2.0
#include "os/cgroup.h"

#include <algorithm>

#include "base/strings.h"

namespace memwhy::os {
namespace {

// v1 writes "no limit" as the largest multiple of the page size that a long holds.
constexpr Bytes kUnlimitedV1 = Bytes{1} << 62;

struct Mount {
  std::string root;
  std::string point;
};

// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '3') {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool HasOption(std::string_view options, std::string_view wanted) {
  const auto all = Split(options, ',');
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

// The mount of a hierarchy: type cgroup2, or cgroup with the controller as an option.
std::optional<Mount> FindMount(std::string_view mountinfo, int version,
                               std::string_view controller) {
  for (const std::string_view line : SplitLines(mountinfo)) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    const auto before = SplitFields(line.substr(0, separator));
    const auto after = SplitFields(line.substr(separator + 3));
    if (before.size() < 6 || after.size() < 3) continue;
    const bool matches = version == 2 ? after[0] == "cgroup2"
                                      : after[0] == "cgroup" && HasOption(after[2], controller);
    if (matches) return Mount{Unescape(before[3]), Unescape(before[4])};
  }
  return std::nullopt;
}

// Where the cgroup lies below the mount point. Inside a container the mount shows only a part of
// the hierarchy: its root is cut off the path; a path outside of it is the mount point itself.
std::string DirectoryOf(const FileSystem& fs, const Mount& mount, std::string_view path) {
  std::string_view below = path;
  if (mount.root != "/") {
    const bool is_inside = below.starts_with(mount.root) &&
                           (below.size() == mount.root.size() || below[mount.root.size()] == '/');
    if (is_inside) below.remove_prefix(mount.root.size());
  }
  std::string directory = JoinPath(mount.point, below);
  if (below.find("/..") != std::string_view::npos || !fs.Exists(directory)) return mount.point;
  return directory;
}

std::optional<std::uint64_t> ReadNumber(const FileSystem& fs, const std::string& directory,
                                        std::string_view name) {
  const auto text = fs.ReadSmall(JoinPath(directory, name));
  if (!text) return std::nullopt;
  return ParseUint(Trim(*text));
}

// The value of "key 123" lines.
std::optional<std::uint64_t> FindValue(std::string_view text, std::string_view key) {
  for (std::string_view line : SplitLines(text)) {
    if (line.size() > key.size() && line[key.size()] == ' ' && line.starts_with(key)) {
      return ParseUint(Trim(line.substr(key.size())));
    }
  }
  return std::nullopt;
}

void FindLimit(const FileSystem& fs, CgroupMemory& memory) {
  const bool is_v2 = memory.location.version == 2;
  EachUpwards(memory.location, [&](const std::string& directory) {
    auto limit = ReadNumber(fs, directory, is_v2 ? "memory.max" : "memory.limit_in_bytes");
    if (limit && !is_v2 && *limit >= kUnlimitedV1) limit.reset();
    if (limit && (!memory.limit || *limit < *memory.limit)) {
      memory.limit = limit;
      memory.limit_directory = directory;
    }
  });
}

void ReadStat(const FileSystem& fs, CgroupMemory& memory) {
  const std::string& directory = memory.location.directory;
  const auto stat = fs.ReadSmall(JoinPath(directory, "memory.stat"));
  if (!stat) return;
  if (memory.location.version == 2) {
    memory.anon = FindValue(*stat, "anon");
    memory.file = FindValue(*stat, "file");
    memory.shmem = FindValue(*stat, "shmem");
    memory.inactive_file = FindValue(*stat, "inactive_file");
    memory.sock = FindValue(*stat, "sock");
    memory.kernel = FindValue(*stat, "kernel");
    if (!memory.kernel) {
      // Before Linux 5.18 there is no sum; these are its parts.
      for (const char* part : {"kernel_stack", "pagetables", "percpu", "slab"}) {
        if (const auto value = FindValue(*stat, part)) {
          memory.kernel = memory.kernel.value_or(0) + *value;
        }
      }
    }
  } else {
    memory.anon = FindValue(*stat, "total_rss");
    memory.file = FindValue(*stat, "total_cache");
    memory.shmem = FindValue(*stat, "total_shmem");
    memory.inactive_file = FindValue(*stat, "total_inactive_file");
    memory.kernel = ReadNumber(fs, directory, "memory.kmem.usage_in_bytes");
  }
}

}  // namespace

Result<CgroupLocation> FindMemoryCgroup(const FileSystem& fs, pid_t pid) {
  return FindCgroup(fs, pid, "memory");
}

Result<CgroupLocation> FindCgroup(const FileSystem& fs, pid_t pid, std::string_view controller) {
  MEMWHY_TRY(const std::string groups, fs.ReadSmall(fmt::format("/proc/{}/cgroup", pid)));
  MEMWHY_TRY(const std::string mountinfo, fs.ReadSmall("/proc/self/mountinfo"));
  std::optional<std::string> v1;
  std::optional<std::string> v2;
  for (const std::string_view line : SplitLines(groups)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (line.substr(0, first) == "0" && controllers.empty()) {
      v2 = path;
    } else if (HasOption(controllers, controller)) {
      v1 = path;
    }
  }
  // On a hybrid host a controller belongs to v1 where v1 names it.
  for (const int version : {1, 2}) {
    const auto& path = version == 1 ? v1 : v2;
    const auto mount = path ? FindMount(mountinfo, version, controller) : std::nullopt;
    if (!mount) continue;
    return CgroupLocation{version, *path, mount->point, DirectoryOf(fs, *mount, *path)};
  }
  return Error::Of("process {} is in no {} cgroup that is mounted here", pid, controller);
}

Result<CgroupMemory> ReadCgroupMemory(const FileSystem& fs, const CgroupLocation& location) {
  CgroupMemory memory;
  memory.location = location;
  const bool is_v2 = location.version == 2;
  const std::string& directory = location.directory;
  memory.usage = ReadNumber(fs, directory, is_v2 ? "memory.current" : "memory.usage_in_bytes");
  memory.peak = ReadNumber(fs, directory, is_v2 ? "memory.peak" : "memory.max_usage_in_bytes");
  FindLimit(fs, memory);
  const auto events =
      fs.ReadSmall(JoinPath(directory, is_v2 ? "memory.events" : "memory.oom_control"));
  if (events) memory.oom_kill = FindValue(*events, "oom_kill");
  ReadStat(fs, memory);
  if (!memory.usage && !memory.limit && !memory.anon && !memory.oom_kill) {
    return Error::Of("cgroup {} has no memory controller", directory);
  }
  return memory;
}

Result<CgroupMemory> ReadCgroupMemory(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const CgroupLocation location, FindMemoryCgroup(fs, pid));
  return ReadCgroupMemory(fs, location);
}

Result<CgroupLocation> LocateCgroup(const FileSystem& fs, const std::string& directory) {
  CgroupLocation location;
  location.directory = directory;
  while (location.directory.size() > 1 && location.directory.back() == '/') {
    location.directory.pop_back();
  }
  const auto has = [&](const std::string& folder, std::string_view name) {
    return fs.Exists(JoinPath(folder, name));
  };
  const std::string& here = location.directory;
  if (has(here, "memory.usage_in_bytes")) {
    location.version = 1;
  } else if (!has(here, "memory.current") && !has(here, "memory.events") &&
             !has(here, "memory.stat")) {
    return Error::Of(
        "{} is no memory cgroup: it has neither memory.current (version 2) nor "
        "memory.usage_in_bytes (version 1); give a directory below /sys/fs/cgroup",
        directory);
  }
  // Up to the highest folder that is a memory cgroup, too.
  const char* mark = location.version == 1 ? "memory.usage_in_bytes" : "memory.stat";
  location.mount = here;
  while (location.mount.rfind('/') != std::string::npos && location.mount.rfind('/') > 0) {
    const std::string parent = location.mount.substr(0, location.mount.rfind('/'));
    if (!has(parent, mark)) break;
    location.mount = parent;
  }
  location.path = here.size() > location.mount.size() ? here.substr(location.mount.size()) : "/";
  return location;
}

Result<model::OomCounters> ReadOomCounters(const FileSystem& fs, const std::string& directory) {
  MEMWHY_TRY(const CgroupLocation location, LocateCgroup(fs, directory));
  MEMWHY_TRY(const CgroupMemory memory, ReadCgroupMemory(fs, location));
  model::OomCounters counters;
  const std::string& here = location.directory;
  counters.directory = here;
  counters.version = location.version;
  counters.oom_kills = memory.oom_kill;
  counters.usage = memory.usage;
  counters.peak = memory.peak;
  counters.limit = memory.limit;
  counters.limit_directory = memory.limit_directory;
  if (location.version == 1) {
    counters.limit_hits = ReadNumber(fs, here, "memory.failcnt");
    if (const auto control = fs.ReadSmall(JoinPath(here, "memory.oom_control"))) {
      if (const auto off = FindValue(*control, "oom_kill_disable"))
        counters.is_killer_off = *off != 0;
    }
    return counters;
  }
  if (const auto events = fs.ReadSmall(JoinPath(here, "memory.events"))) {
    counters.oom_events = FindValue(*events, "oom");
    counters.group_kills = FindValue(*events, "oom_group_kill");
    counters.limit_hits = FindValue(*events, "max");
    counters.high_hits = FindValue(*events, "high");
  }
  if (const auto group = ReadNumber(fs, here, "memory.oom.group"))
    counters.kills_group = *group != 0;
  return counters;
}

}  // namespace memwhy::os
