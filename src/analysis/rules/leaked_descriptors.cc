// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "analysis/sample_series.h"

namespace memwhy::analysis {
namespace {

constexpr double kMinDescriptors = 16;
constexpr double kDescriptorsShare = 0.25;      // of those open at the window's start
constexpr std::uint64_t kUsualMaxMaps = 65530;  // vm.max_map_count
constexpr double kNearMaxMaps = 0.5;

std::uint64_t CountOf(const model::MapsPass* pass, const std::string& kind) {
  if (pass == nullptr) return 0;
  for (const model::DescriptorCount& each : pass->descriptors) {
    if (each.kind == kind) return each.count;
  }
  return 0;
}

Finding DescribeCount(const Case& one) {
  Finding finding;
  finding.id = "fd_or_map.leak";
  finding.kind = Kind::kOsObject;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.confidence = Lowered(one, Confidence::kStrong);
  finding.next_step = {DiagnoseCommand(one, std::max(60.0, 2 * one.view.options.to)),
                       "a longer window tells a leak from a pool that fills"};
  return finding;
}

Finding DescribeDescriptors(const Case& one, const Growth& growth, std::uint64_t open) {
  Finding finding = DescribeCount(one);
  finding.severity = Severity::kMedium;
  finding.what = {"descriptor", open, std::nullopt};
  finding.title = fmt::format("open descriptors become more and more: {} now, {:+.0f} per minute",
                              FormatCount(open), growth.slope * 60);
  finding.evidence.push_back(
      {fmt::format("{} are open at the window's end; the number rises in all parts of the window",
                   FormatCount(open)),
       static_cast<double>(open), "descriptors", "/proc/PID/fd"});
  if (one.ends != nullptr && one.ends->end.pass != nullptr) {
    std::string lead;
    double most = 0;
    for (const model::DescriptorCount& each : one.ends->end.pass->descriptors) {
      const double more = static_cast<double>(each.count) -
                          static_cast<double>(CountOf(one.ends->start.pass, each.kind));
      if (more > most) {
        most = more;
        lead = each.kind;
      }
    }
    if (!lead.empty()) {
      finding.what.type = lead;
      finding.evidence.push_back(
          {fmt::format("most of them are of the kind {}: {:+.0f} between two looks, {} now", lead,
                       most, FormatCount(CountOf(one.ends->end.pass, lead))),
           most, "descriptors", "/proc/PID/fd"});
    }
  }
  finding.would_disprove = "The number stops rising in a longer window: a pool of connections.";
  finding.prediction = fmt::format(
      "If nothing changes: {:+.0f} descriptors in the next hour; at the limit (ulimit "
      "-n) open() and accept() fail.",
      growth.slope * 3600);
  finding.fix = "Close what is opened for each operation: a with statement, a shared client.";
  return finding;
}

Finding DescribeMappings(const Case& one, std::uint64_t mappings) {
  Finding finding = DescribeCount(one);
  finding.severity = Severity::kInfo;
  finding.what = {"mapping", mappings, std::nullopt};
  finding.title = fmt::format("{} mappings: at vm.max_map_count ({} by default) mmap fails",
                              FormatCount(mappings), FormatCount(kUsualMaxMaps));
  finding.evidence.push_back(
      {finding.title, static_cast<double>(mappings), "mappings", "/proc/PID/smaps"});
  finding.would_disprove = "sysctl vm.max_map_count is far higher here.";
  finding.prediction = "malloc fails with memory free once the limit is reached.";
  finding.fix = "Map fewer, larger regions, or raise vm.max_map_count.";
  return finding;
}

}  // namespace

RuleOutcome CheckLeakedDescriptors(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "fd_or_map.leak";
  const SampleNumber number = [](const model::OsSample& sample) { return sample.descriptors; };
  const auto floors = SampleFloors(one, number);
  const std::uint64_t mappings = one.ends != nullptr && one.ends->end.pass != nullptr
                                     ? one.ends->end.pass->mappings.size()
                                     : 0;
  if (static_cast<double>(mappings) >= kNearMaxMaps * static_cast<double>(kUsualMaxMaps)) {
    outcome.findings.push_back(DescribeMappings(one, mappings));
  }
  if (floors) {
    check.result = CheckResult::kPass;
    check.why = fmt::format("{} descriptors at the window's start, {} at its end; {} mappings",
                            FormatCount(floors->front()), FormatCount(floors->back()),
                            FormatCount(mappings));
    const Growth growth = JudgeFloors(*floors, one.seconds,
                                      {MetricClass::kExact, kMinDescriptors, kDescriptorsShare});
    if (growth.trend == Trend::kGrowing) {
      outcome.findings.push_back(
          DescribeDescriptors(one, growth, LastSample(one, number).value_or(floors->back())));
    }
  } else {
    check.result = CheckResult::kCouldNot;
    check.why = "descriptors were not counted all through the window";
  }
  if (!outcome.findings.empty()) {
    check.result = CheckResult::kFail;
    check.why = outcome.findings.back().title;
  }
  return outcome;
}

}  // namespace memwhy::analysis
