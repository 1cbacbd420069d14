// SPDX-License-Identifier: Apache-2.0
#include "os/processors.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "os/cgroup.h"

namespace memwhy::os {
namespace {

// "0-3,8" as {0, 1, 2, 3, 8}.
std::set<std::uint64_t> ParseList(std::string_view list) {
  constexpr std::uint64_t kMax = 1 << 16;  // the kernel's own limit is 8192
  std::set<std::uint64_t> numbers;
  for (const std::string_view range : Split(Trim(list), ',')) {
    const std::size_t dash = range.find('-');
    const auto first = ParseUint(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : ParseUint(range.substr(dash + 1));
    if (!first || !last || *last > kMax) continue;
    for (std::uint64_t number = *first; number <= *last; ++number) numbers.insert(number);
  }
  return numbers;
}

std::optional<double> Ratio(std::string_view quota, std::string_view period) {
  const auto part = ParseUint(Trim(quota));  // "max", "-1": none
  const auto whole = ParseUint(Trim(period));
  if (!part || !whole || *whole == 0) return std::nullopt;
  return static_cast<double>(*part) / static_cast<double>(*whole);
}

std::optional<double> QuotaOf(const FileSystem& fs, const std::string& directory, int version) {
  if (version == 2) {
    const auto text = fs.ReadSmall(JoinPath(directory, "cpu.max"));
    if (!text) return std::nullopt;
    const auto fields = SplitFields(*text);
    return fields.size() == 2 ? Ratio(fields[0], fields[1]) : std::nullopt;
  }
  const auto quota = fs.ReadSmall(JoinPath(directory, "cpu.cfs_quota_us"));
  const auto period = fs.ReadSmall(JoinPath(directory, "cpu.cfs_period_us"));
  return quota && period ? Ratio(*quota, *period) : std::nullopt;
}

std::optional<double> LeastQuota(const FileSystem& fs, const CgroupLocation& location) {
  std::optional<double> least;
  EachUpwards(location, [&](const std::string& directory) {
    const auto quota = QuotaOf(fs, directory, location.version);
    if (quota) least = std::min(*quota, least.value_or(*quota));
  });
  return least;
}

}  // namespace

Result<Processors> ReadProcessors(const FileSystem& fs, pid_t pid) {
  constexpr std::string_view kKey = "Cpus_allowed_list:";
  MEMWHY_TRY(const std::string status, fs.ReadSmall(fmt::format("/proc/{}/status", pid)));
  Processors processors;
  // An affinity may name processors that are not there.
  std::optional<std::set<std::uint64_t>> online;
  if (const auto text = fs.ReadSmall("/sys/devices/system/cpu/online")) online = ParseList(*text);
  for (const std::string_view line : SplitLines(status)) {
    if (!line.starts_with(kKey)) continue;
    for (const std::uint64_t number : ParseList(line.substr(kKey.size()))) {
      if (!online || online->contains(number)) ++processors.allowed;
    }
  }
  if (processors.allowed == 0) {
    return Error::Of("/proc/{}/status says no processors of the process", pid);
  }
  // Without such a cgroup there is no limit.
  if (const auto location = FindCgroup(fs, pid, "cpu")) {
    processors.quota = LeastQuota(fs, *location);
  }
  return processors;
}

}  // namespace memwhy::os
