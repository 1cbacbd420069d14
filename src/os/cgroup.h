// SPDX-License-Identifier: Apache-2.0
// The memory cgroup of a process: v1, v2 and hybrid hosts, from inside of a container or outside.
// Numbers that the kernel does not offer are nullopt, never 0. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "model/oom_counters.h"

namespace memwhy::os {

struct CgroupLocation {
  int version = 2;
  std::string path;   // as /proc/PID/cgroup says: "/kubepods/pod1"
  std::string mount;  // mount point of the hierarchy
  std::string directory;
};

struct CgroupMemory {
  CgroupLocation location;
  std::optional<Bytes> usage;   // memory.current, memory.usage_in_bytes
  std::optional<Bytes> peak;    // memory.peak, memory.max_usage_in_bytes
  std::optional<Bytes> limit;   // the least over this cgroup and its ancestors; nullopt: unlimited
  std::string limit_directory;  // the cgroup that sets the limit
  std::optional<std::uint64_t> oom_kill;
  // memory.stat; v1: total_rss, total_cache, total_shmem.
  std::optional<Bytes> anon;
  std::optional<Bytes> file;  // includes shmem
  std::optional<Bytes> shmem;
  std::optional<Bytes> kernel;
  std::optional<Bytes> inactive_file;  // page cache that goes first; v1: total_inactive_file
  std::optional<Bytes> sock;           // v2: buffers of the network, not in `kernel`
};

Result<CgroupLocation> FindMemoryCgroup(const FileSystem& fs, pid_t pid);
// visit(directory) of the cgroup and of each ancestor that is mounted, from the inside out.
template <typename Visit>
void EachUpwards(const CgroupLocation& location, const Visit& visit) {
  std::string directory = location.directory;
  visit(directory);
  while (directory.size() > location.mount.size()) {
    directory.resize(directory.rfind('/'));
    visit(directory);
  }
}
// The same as FindMemoryCgroup of the hierarchy of another controller: "cpu".
Result<CgroupLocation> FindCgroup(const FileSystem& fs, pid_t pid, std::string_view controller);
Result<CgroupMemory> ReadCgroupMemory(const FileSystem& fs, const CgroupLocation& location);
Result<CgroupMemory> ReadCgroupMemory(const FileSystem& fs, pid_t pid);

// The cgroup whose directory is given, wherever the hierarchy is mounted.
Result<CgroupLocation> LocateCgroup(const FileSystem& fs, const std::string& directory);
Result<model::OomCounters> ReadOomCounters(const FileSystem& fs, const std::string& directory);

}  // namespace memwhy::os
