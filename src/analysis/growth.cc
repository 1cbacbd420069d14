// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <vector>

namespace memwhy::analysis {
namespace {

constexpr double kCertainZ = 2.3;  // one-sided 1 %
constexpr double kNoisyZ = 3.0;    // rss drifts: its floors are not independent
constexpr double kSecondHalfShare = 0.5;
constexpr double kLastThirdShare = 0.25;
constexpr double kUpwardShare = 0.6;
constexpr double kDrawdownShare = 0.5;
constexpr double kNoisyShareOfBase = 0.005;
constexpr double kNetOverScatter = 4;  // net against the scatter around the line
constexpr int kFewestUps = 5;          // of an exact metric with rare steps

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

struct Steps {
  int up = 0;
  int down = 0;
  bool in_both_halves = false;
};

Steps CountSteps(std::span<const double> values) {
  Steps steps;
  bool early = false;
  bool late = false;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[i - 1]) {
      ++steps.up;
      (i <= values.size() / 2 ? early : late) = true;
    }
    if (values[i] < values[i - 1]) ++steps.down;
  }
  steps.in_both_halves = early && late;
  return steps;
}

// Median distance of the values from their Theil-Sen line.
double Scatter(std::span<const double> values, double slope_per_step) {
  std::vector<double> rest;
  for (std::size_t i = 0; i < values.size(); ++i) {
    rest.push_back(values[i] - slope_per_step * static_cast<double>(i));
  }
  const double middle = Median(rest);
  for (double& value : rest) value = std::abs(value - middle);
  return Median(std::move(rest));
}

std::string Rate(double bytes_per_second) {
  return FormatSignedBytes(std::llround(bytes_per_second)) + "/s";
}

// Everything that is a number; the trend is left to the caller.
Growth Measure(std::span<const double> values, double seconds) {
  Growth growth;
  const std::size_t n = values.size();
  growth.bins = static_cast<int>(n);
  growth.seconds = seconds;
  if (n < 2 || seconds <= 0) return growth;
  const double bin_s = seconds / static_cast<double>(n);
  const std::size_t half = n / 2;
  const std::size_t third = std::max<std::size_t>(n / 3, 2);
  growth.z = MannKendall(values);
  growth.slope = TheilSen(values) / bin_s;
  growth.first_slope = TheilSen(values.first(n - half)) / bin_s;
  growth.second_slope = TheilSen(values.last(n - half)) / bin_s;
  growth.last_slope = TheilSen(values.last(third)) / bin_s;
  growth.upward = CountSteps(values).up / static_cast<double>(n - 1);
  const auto early = values.first(third);
  growth.base = Median({early.begin(), early.end()});
  growth.net = growth.slope * seconds;
  growth.scatter = Scatter(values, growth.slope * bin_s);
  double reached = values[0];
  for (const double value : values) {
    reached = std::max(reached, value);
    growth.drawdown = std::max(growth.drawdown, reached - value);
  }
  return growth;
}

std::vector<double> ToDoubles(std::span<const Bytes> floors) {
  return {floors.begin(), floors.end()};
}

bool TooShort(Growth& growth) {
  if (growth.seconds >= kShortestWindow_s && growth.bins >= kFewestBins) return false;
  growth.trend = Trend::kInconclusive;
  growth.needed_seconds = std::max(growth.seconds, kShortestWindow_s);
  growth.why = growth.bins < kFewestBins
                   ? fmt::format("only {} bins hold data, {} are needed", growth.bins, kFewestBins)
                   : fmt::format("the window is {:.1f} s long, {:.0f} s are needed", growth.seconds,
                                 kShortestWindow_s);
  return true;
}

Growth& Decide(Growth& growth, Trend trend, std::string why) {
  growth.trend = trend;
  growth.why = std::move(why);
  return growth;
}

}  // namespace

const char* TrendName(Trend trend) {
  switch (trend) {
    case Trend::kGrowing:
      return "growing";
    case Trend::kPlateau:
      return "plateau";
    case Trend::kStable:
      return "stable";
    case Trend::kInconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

double TheilSen(std::span<const double> values) {
  std::vector<double> slopes;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      slopes.push_back((values[j] - values[i]) / static_cast<double>(j - i));
    }
  }
  return Median(std::move(slopes));
}

double MannKendall(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  if (values.size() < 3) return 0;
  double s = 0;
  std::map<double, int> ties;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ++ties[values[i]];
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      s += (values[j] > values[i]) - (values[j] < values[i]);
    }
  }
  double variance = n * (n - 1) * (2 * n + 5);
  for (const auto& [value, count] : ties) {
    variance -= static_cast<double>(count) * (count - 1) * (2.0 * count + 5);
  }
  if (variance <= 0 || s == 0) return 0;
  return (s > 0 ? s - 1 : s + 1) / std::sqrt(variance / 18);
}

Growth JudgeFloors(std::span<const Bytes> floors, double seconds, const GrowthOptions& options) {
  const std::vector<double> values = ToDoubles(floors);
  Growth growth = Measure(values, seconds);
  if (TooShort(growth)) return growth;
  const double share = options.metric == MetricClass::kNoisy
                           ? std::max(options.minimum_share, kNoisyShareOfBase)
                           : options.minimum_share;
  const double needed = std::max(options.minimum_net, share * growth.base);
  const Steps steps = CountSteps(values);
  const double z = options.metric == MetricClass::kNoisy ? kNoisyZ : kCertainZ;
  if (growth.z <= z) {
    return Decide(growth, Trend::kStable,
                  fmt::format("no steady rise: Mann-Kendall z {:.1f}, more than {:.1f} is needed",
                              growth.z, z));
  }
  if (growth.net < needed && values.back() - values.front() < needed) {
    return Decide(growth, Trend::kStable,
                  fmt::format("{} over the window, less than the {} that matter",
                              FormatSignedBytes(std::llround(growth.net)),
                              FormatBytes(static_cast<Bytes>(needed))));
  }
  if (growth.second_slope < kSecondHalfShare * growth.first_slope) {
    return Decide(growth, Trend::kPlateau,
                  fmt::format("levels off: {} in the first half, {} in the second",
                              Rate(growth.first_slope), Rate(growth.second_slope)));
  }
  if (growth.last_slope < kLastThirdShare * growth.slope) {
    return Decide(growth, Trend::kPlateau,
                  fmt::format("levels off: {} over the window, {} in its last third",
                              Rate(growth.slope), Rate(growth.last_slope)));
  }
  const bool rare_steps = options.metric == MetricClass::kExact && steps.down == 0 &&
                          steps.up >= kFewestUps && steps.in_both_halves;
  if (growth.upward < kUpwardShare && !rare_steps) {
    return Decide(growth, Trend::kPlateau,
                  fmt::format("moves in single jumps: {:.0f} % of the steps go up, {:.0f} % are "
                              "needed",
                              growth.upward * 100, kUpwardShare * 100));
  }
  if (growth.drawdown > kDrawdownShare * growth.net) {
    return Decide(growth, Trend::kStable,
                  fmt::format("falls back by {}, against {} over the window",
                              FormatBytes(static_cast<Bytes>(growth.drawdown)),
                              FormatSignedBytes(std::llround(growth.net))));
  }
  if (growth.net < kNetOverScatter * growth.scatter) {
    return Decide(growth, Trend::kStable,
                  fmt::format("{} over the window does not stand out of a scatter of {}",
                              FormatSignedBytes(std::llround(growth.net)),
                              FormatBytes(static_cast<Bytes>(growth.scatter))));
  }
  if (growth.net < needed) {
    return Decide(growth, Trend::kStable, "the typical step is too small to matter");
  }
  return Decide(growth, Trend::kGrowing,
                fmt::format("rise of {} all through the window (Mann-Kendall z {:.1f}, second "
                            "half {})",
                            Rate(growth.slope), growth.z, Rate(growth.second_slope)));
}

Growth JudgeSteps(std::span<const Bytes> floors, double seconds, double minimum_net) {
  const std::vector<double> values = ToDoubles(floors);
  Growth growth = Measure(values, seconds);
  if (TooShort(growth)) return growth;
  const double rise = values.back() - values.front();
  growth.slope = rise / (seconds * (growth.bins - 1) / growth.bins);
  growth.net = growth.slope * seconds;
  const Steps steps = CountSteps(values);
  const double middle = values[values.size() / 2];
  if (rise < minimum_net || steps.up == 0) {
    return Decide(growth, Trend::kStable,
                  fmt::format("{} over the window", FormatSignedBytes(std::llround(rise))));
  }
  const double early = middle - values.front();
  const double late = values.back() - middle;
  if (steps.down > 0 && growth.drawdown > 0.25 * rise) {
    return Decide(
        growth, Trend::kStable,
        fmt::format("falls back by {}", FormatBytes(static_cast<Bytes>(growth.drawdown))));
  }
  if (steps.up < 3 || late < kSecondHalfShare * early) {
    return Decide(
        growth, Trend::kPlateau,
        fmt::format("{} steps up, {} in the first half and {} in the second", steps.up,
                    FormatSignedBytes(std::llround(early)), FormatSignedBytes(std::llround(late))));
  }
  if (growth.z <= kCertainZ) {
    return Decide(growth, Trend::kStable, fmt::format("Mann-Kendall z {:.1f}", growth.z));
  }
  return Decide(growth, Trend::kGrowing,
                fmt::format("{} steps up, {} over the window (Mann-Kendall z {:.1f})", steps.up,
                            FormatSignedBytes(std::llround(rise)), growth.z));
}

}  // namespace memwhy::analysis
