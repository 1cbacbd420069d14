// SPDX-License-Identifier: Apache-2.0
#include "recorder/run_environment.h"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/bytes.h"
#include "base/strings.h"
#include "os/cgroup.h"
#include "wire/ring.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kDiskReserve = 16u << 20;

}  // namespace

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

std::uint64_t PoolBytes(const FileSystem& fs) {
  std::uint64_t pool = wire::kMaxPoolBytes;
  const auto memory = os::ReadCgroupMemory(fs, getpid());
  if (memory && memory->limit) pool = std::min(pool, *memory->limit / 100);
  pool = std::max(pool, wire::kMinPoolBytes);
  return pool / wire::kChunkBytes * wire::kChunkBytes;
}

std::optional<double> OwnCpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Result<void> CheckRoom(const std::string& session, std::uint64_t pool_bytes) {
  struct statvfs status{};
  if (statvfs(session.c_str(), &status) != 0) return {};
  const std::uint64_t available = std::uint64_t{status.f_bavail} * status.f_frsize;
  const std::uint64_t needed = pool_bytes + kDiskReserve;
  if (available >= needed) return {};
  return Error::Of(
      "the disk of {} has {} free, a recording needs {} at least; choose another "
      "place with -o",
      session, FormatBytes(available), FormatBytes(needed));
}

std::string AbsolutePath(const std::string& path) {
  if (StartsWith(path, "/")) return path;
  char folder[PATH_MAX];
  return getcwd(folder, sizeof(folder)) == nullptr ? path : JoinPath(folder, path);
}

}  // namespace memwhy::recorder
