// SPDX-License-Identifier: Apache-2.0
#include "gate/plan/metric.h"

#include <algorithm>
#include <iterator>

namespace memwhy::gate {
namespace {

using enum MetricClass;
using enum MetricUnit;
using enum RunKind;

constexpr Metric kMetrics[] = {
    {"rss_peak", "system", kNoisy, kBytes, kPlain, false,
     "highest resident memory of the process tree"},
    {"rss", "system", kNoisy, kBytes, kPlain, true,
     "resident memory of the process tree, median of the last third of the run"},
    {"pss", "system", kNoisy, kBytes, kPlain, true, "the same with shared pages counted once"},
    {"cgroup_peak", "system", kNoisy, kBytes, kPlain, false,
     "highest charge of the memory cgroup in which the workload runs under its memory_limit"},
    {"descriptors", "system", kExact, kCount, kPlain, true,
     "open file descriptors, least number in the last third of the run"},
    {"threads", "system", kExact, kCount, kPlain, true,
     "threads, least number in the last third of the run"},
    {"heap_peak", "native", kExact, kBytes, kRecorded, false,
     "highest total of live blocks: malloc, mappings, arenas"},
    {"heap_live", "native", kExact, kBytes, kRecorded, true,
     "live bytes of the same blocks at the end of the operations"},
    {"heap_blocks", "native", kExact, kCount, kRecorded, true,
     "their number at the end of the operations"},
    {"heap_allocated", "native", kExact, kBytes, kRecorded, false,
     "bytes allocated over the whole run"},
    {"python_blocks", "python", kExact, kCount, kObjects, true,
     "live blocks of Python's allocators at the end of the operations, small objects too"},
    {"python_bytes", "python", kExact, kBytes, kObjects, true, "the bytes of these blocks"},
};

struct Unmeasured {
  std::string_view name;
  std::string_view why;
};

constexpr Unmeasured kUnmeasured[] = {
    {"objects", "objects by type are not measured yet; python_blocks counts all of them"},
    {"storages", "storages of tensors are not measured yet"},
    {"autograd_nodes", "nodes of autograd are not measured yet"},
    {"device", "memory of devices is not measured yet"},
};

}  // namespace

std::span<const Metric> Metrics() { return kMetrics; }

const Metric* FindMetric(std::string_view name) {
  const auto* found = std::ranges::find(kMetrics, name, &Metric::name);
  return found == std::end(kMetrics) ? nullptr : found;
}

std::string_view WhyNotMeasured(std::string_view name) {
  const auto* found = std::ranges::find(kUnmeasured, name, &Unmeasured::name);
  return found == std::end(kUnmeasured) ? std::string_view() : found->why;
}

const char* MetricClassName(MetricClass metric_class) {
  return metric_class == kExact ? "exact" : "noisy";
}

}  // namespace memwhy::gate
