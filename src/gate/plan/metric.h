// SPDX-License-Identifier: Apache-2.0
//
// What a budget can be about. Exact metrics are counted and mean the same in each run; noisy ones
// are read from the kernel and need statistics. Constant data.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace memwhy::gate {

enum class MetricClass : std::uint8_t { kExact, kNoisy };
enum class MetricUnit : std::uint8_t { kBytes, kCount };
// Which kind of run tells it: without memwhy inside, recorded, or recorded with each Python object.
enum class RunKind : std::uint8_t { kPlain, kRecorded, kObjects };

struct Metric {
  std::string_view name;
  std::string_view layer;  // of the seven
  MetricClass metric_class;
  MetricUnit unit;
  RunKind run;
  bool has_growth;  // a budget may bound its growth per operation
  std::string_view what;
};

std::span<const Metric> Metrics();
// nullptr: no such metric.
const Metric* FindMetric(std::string_view name);

// "" or what stands in the way of a metric that is known but not measured yet.
std::string_view WhyNotMeasured(std::string_view name);

// "exact", "noisy".
const char* MetricClassName(MetricClass metric_class);

}  // namespace memwhy::gate
