// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/cgroup_growth.h"
#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kShmFilesSaid = 3;
constexpr double kOwnShare = 0.5;       // of the growth: mapped by this process
constexpr std::uint64_t kOwnFiles = 8;  // more descriptors of shared memory than before

// Shared memory that the process maps, by name, most first; unlinked files in one sum.
std::vector<std::pair<Bytes, std::string>> MappedFiles(const model::MapsPass& pass) {
  std::map<std::string, Bytes> files;
  for (const model::Mapping& mapping : pass.mappings) {
    const bool is_shm = StartsWith(mapping.name, "/dev/shm/") ||
                        StartsWith(mapping.name, "/memfd:") || StartsWith(mapping.name, "/SYSV");
    if (!is_shm || StartsWith(mapping.name, "/memfd:memwhy-")) continue;
    const bool is_unlinked = EndsWith(mapping.name, "(deleted)");
    files[is_unlinked ? std::string("files that are unlinked already") : mapping.name] +=
        mapping.end - mapping.begin;
  }
  std::vector<std::pair<Bytes, std::string>> most;
  for (const auto& [name, bytes] : files) most.emplace_back(bytes, name);
  std::sort(most.rbegin(), most.rend());
  return most;
}

Bytes MappedBytes(const model::MapsPass& pass) {
  Bytes bytes = 0;
  for (const auto& [size, name] : MappedFiles(pass)) bytes += size;
  return bytes;
}

std::uint64_t OpenFiles(const model::MapsPass& pass) {
  std::uint64_t count = 0;
  for (const model::DescriptorCount& each : pass.descriptors) {
    if (each.kind.find("shared memory") != std::string::npos) count += each.count;
  }
  return count;
}

// Others may live in the cgroup: growth of it is this process's only if it has the memory itself.
bool IsOwn(const Case& one, const Growth& growth) {
  if (one.ends == nullptr || one.ends->start.pass == nullptr || one.ends->end.pass == nullptr) {
    return false;
  }
  const model::MapsPass& start = *one.ends->start.pass;
  const model::MapsPass& end = *one.ends->end.pass;
  const double mapped =
      static_cast<double>(MappedBytes(end)) - static_cast<double>(MappedBytes(start));
  return mapped >= kOwnShare * growth.net || OpenFiles(end) >= OpenFiles(start) + kOwnFiles;
}

}  // namespace

RuleOutcome CheckCgroupShm(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "cgroup.shm_tmpfs";
  const auto part = JudgeCgroupPart(one, [](const auto& sample) { return sample.cgroup_shmem; });
  if (!part) {
    check.result = CheckResult::kCouldNot;
    check.why = "shared memory of the cgroup was not read";
    return outcome;
  }
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of shared memory: {}", FormatBytes(part->now), part->growth.why);
  if (part->growth.trend != Trend::kGrowing) return outcome;
  const bool is_own = IsOwn(one, part->growth);
  if (!is_own && !one.limit) {
    check.why += "; this process neither maps nor opens more of it, and the cgroup has no limit";
    return outcome;
  }
  Finding finding = DescribeCgroupPart(one, *part, "cgroup.shm_tmpfs", "shared memory");
  finding.title =
      fmt::format("shared memory (tmpfs, /dev/shm) of the cgroup grows by {} per minute",
                  FormatSignedBytes(std::llround(part->growth.slope * 60)));
  if (one.ends != nullptr && one.ends->end.pass != nullptr) {
    const auto files = MappedFiles(*one.ends->end.pass);
    for (std::size_t i = 0; i < std::min(kShmFilesSaid, files.size()); ++i) {
      finding.evidence.push_back(
          {fmt::format("this process maps {} of {}", FormatBytes(files[i].first), files[i].second),
           static_cast<double>(files[i].first), "bytes", "/proc/PID/smaps"});
    }
    for (const model::DescriptorCount& each : one.ends->end.pass->descriptors) {
      if (each.kind.find("shared memory") == std::string::npos) continue;
      finding.evidence.push_back(
          {fmt::format("it has {} descriptors of {} open", FormatCount(each.count), each.kind),
           static_cast<double>(each.count), "descriptors", "/proc/PID/fd"});
    }
  }
  if (!is_own) {
    finding.severity = Severity::kInfo;
    finding.confidence = Confidence::kWeak;
    finding.evidence.push_back(
        {"this process neither maps nor opens more of it: somebody else in "
         "the cgroup, or files that nobody has open",
         0, "bytes", "/proc/PID/smaps, /proc/PID/fd"});
  }
  finding.fix =
      "Close and unlink each segment when its reader is done (SharedMemory.unlink); for DataLoader "
      "workers fewer batches in flight, or the file_system sharing strategy. A tmpfs volume counts "
      "as memory.";
  outcome.findings.push_back(std::move(finding));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
