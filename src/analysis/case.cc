// SPDX-License-Identifier: Apache-2.0
#include "analysis/case.h"

#include <algorithm>
#include <numeric>

#include "analysis/suspects.h"

namespace memwhy::analysis {
namespace {

constexpr double kMatters = 256 * 1024;
constexpr double kMattersShareOfBase = 0.001;
constexpr double kMattersRss = 1024 * 1024;

std::optional<model::OsSample> LastSample(const model::Recording& recording, double to) {
  std::optional<model::OsSample> last;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.time <= to && sample.cgroup_limit) last = sample;
  }
  return last;
}

PooledGrowth SumArenas(const model::WindowView& view, double seconds) {
  PooledGrowth pooled;
  std::vector<Bytes> floor(view.floor.size(), 0);
  for (const model::StackGrowth& row : view.stacks) {
    if (!row.is_arena) continue;
    pooled.rows.push_back(&row);
    pooled.survivor_bytes += row.survivor_bytes;
    for (std::size_t i = 0; i < std::min(floor.size(), row.floor.size()); ++i) {
      floor[i] += row.floor[i];
    }
  }
  pooled.growth = JudgeSteps(floor, seconds, kMatters);
  return pooled;
}

}  // namespace

Case MakeCase(const model::Recording& recording, const model::StackTree& stacks,
              const model::WindowView& view, const std::vector<model::Ledger>& ledgers,
              const HolderReport* holders) {
  Case one{recording, stacks, view, ledgers, holders, {}, {}, {}, 0, {},
           0,         {},     {},   0,       false,   {}, {}, {}, 0, nullptr};
  one.seconds = std::max(0.0, view.options.to - view.options.from);
  one.live =
      JudgeFloors(view.floor, one.seconds, {MetricClass::kExact, kMatters, kMattersShareOfBase});
  if (!view.rss_floor.empty()) {
    one.rss = JudgeFloors(view.rss_floor, one.seconds, {MetricClass::kNoisy, kMattersRss, 0});
    one.slow_rss = JudgeFloors(view.rss_floor, one.seconds, {MetricClass::kNoisy, kMatters, 0});
  }
  if (view.operations_total > 0 && one.seconds > 0) {
    one.operations_per_second = static_cast<double>(view.operations_total) / one.seconds;
  }
  one.base = view.rss_floor.empty() ? one.live.base : one.rss.base;
  one.matters = std::max(kMatters, kMattersShareOfBase * one.base);
  if (const auto last = LastSample(recording, view.options.to)) {
    one.limit = last->cgroup_limit;
    one.charged = last->cgroup_current;
  }
  one.is_lossy = !recording.complete || recording.lost_events > 0;
  one.pooled = SumArenas(view, one.seconds);
  one.suspects = FindSuspects(one, &one.small);
  const double explained =
      std::accumulate(one.suspects.begin(), one.suspects.end(), 0.0,
                      [](double sum, const Suspect& suspect) { return sum + suspect.rate; });
  const double live_rate = one.live.trend == Trend::kGrowing ? one.live.slope : 0;
  one.growth_rate = std::max(live_rate, explained);
  return one;
}

std::string OperationName(const Case& one) {
  return one.view.operations_name.empty() ? "operation" : one.view.operations_name;
}

}  // namespace memwhy::analysis
