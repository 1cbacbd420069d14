// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/filter_check.h"

#include <fmt/core.h>

#include <vector>

#include "base/strings.h"
#include "wire/ring_extra.h"

namespace memwhy::recorder {

std::string FilterObstacle(const os::ProcessStatus& status, std::uint32_t tried) {
  switch (status.seccomp) {
    case os::Seccomp::kNone:
      return "";
    case os::Seccomp::kStrict:
      return "it may only read, write and end (seccomp, strict mode)";
    case os::Seccomp::kFilter:
      break;
  }
  if (!status.filters) {
    return "a filter on its system calls (seccomp) may end it, and this kernel does not tell whose "
           "it is";
  }
  if (tried != 0 && *status.filters <= tried) return "";
  return "a filter on its system calls (seccomp) may end it at a call that a request needs";
}

std::uint32_t TriedFilters(wire::RingHeader& ring) {
  return wire::ExtraOf(ring).tried_filters.load(std::memory_order_relaxed);
}

Result<void> CheckFilters(const FileSystem& fs, pid_t pid, wire::RingHeader& ring) {
  const std::uint32_t tried = TriedFilters(ring);
  MEMWHY_TRY(const std::vector<std::string> names, fs.ListDir(fmt::format("/proc/{}/task", pid)));
  for (const std::string& name : names) {
    const auto tid = ParseUint(name);
    if (!tid) continue;
    const auto status = os::ReadThreadStatus(fs, pid, static_cast<pid_t>(*tid));
    if (!status) continue;  // it has ended meanwhile
    const std::string obstacle = FilterObstacle(*status, tried);
    if (!obstacle.empty()) {
      return Error::Of("process {} is left alone: {}", pid, obstacle);
    }
  }
  return {};
}

}  // namespace memwhy::recorder
