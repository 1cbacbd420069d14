// SPDX-License-Identifier: Apache-2.0
#include "analysis/cgroup_growth.h"

#include <fmt/core.h>

#include <algorithm>

#include "analysis/describe.h"

namespace memwhy::analysis {
namespace {

constexpr double kMinGrowth = 4.0 * 1024 * 1024;

}  // namespace

std::optional<CgroupPart> JudgeCgroupPart(const Case& one, const SampleNumber& number) {
  const auto floors = SampleFloors(one, number);
  if (!floors) return std::nullopt;
  CgroupPart part;
  part.growth = JudgeFloors(*floors, one.seconds, {MetricClass::kNoisy, kMinGrowth, 0});
  part.now = LastSample(one, number).value_or(0);
  part.charge = LastSample(one, [](const model::OsSample& sample) {
                  return sample.cgroup_current;
                }).value_or(0);
  return part;
}

Finding DescribeCgroupPart(const Case& one, const CgroupPart& part, const char* id,
                           const std::string& name) {
  Finding finding;
  finding.id = id;
  finding.kind = Kind::kOsObject;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = SeverityOf(one, part.growth.slope);
  finding.confidence = Lowered(one, Confidence::kStrong);
  finding.bytes_at_stake = part.now;
  finding.growth_bytes_per_second = part.growth.slope;
  finding.what.type = name;
  finding.evidence.push_back({fmt::format("{} of the cgroup: {}", name, part.growth.why),
                              part.growth.slope, "bytes/second", "memory.stat"});
  finding.evidence.push_back({fmt::format("{} of the {} that are charged to the cgroup",
                                          FormatBytes(part.now), FormatBytes(part.charge)),
                              static_cast<double>(part.now), "bytes", "memory.stat"});
  finding.would_disprove = "It levels off in a longer window.";
  finding.prediction = Prediction(one, part.growth.slope);
  finding.next_step = {DiagnoseCommand(one, std::max(60.0, 2 * one.view.options.to)),
                       "what grows outside of every process's rss shows in the cgroup alone"};
  return finding;
}

}  // namespace memwhy::analysis
