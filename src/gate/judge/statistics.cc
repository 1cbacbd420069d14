// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/statistics.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace memwhy::gate {
namespace {

// Ranks from 1, doubled so that midranks are whole numbers; in the order of `values`.
std::vector<std::size_t> DoubledRanks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<std::size_t> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = begin + 1 + end;
    begin = end;
  }
  return ranks;
}

// Two-sided p of a doubled rank sum of `count` of the ranks, over all ways to choose them.
double ExactP(const std::vector<std::size_t>& ranks, std::size_t count, std::size_t sum) {
  const std::size_t total = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  // ways[k][s]: choices of k ranks with the sum s, as shares to stay in range.
  std::vector<std::vector<double>> ways(count + 1, std::vector<double>(total + 1, 0));
  ways[0][0] = 1;
  for (const std::size_t rank : ranks) {
    for (std::size_t k = count; k > 0; --k) {
      for (std::size_t s = total; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
    }
  }
  const double all = std::accumulate(ways[count].begin(), ways[count].end(), 0.0);
  // As far from the mean as `sum` or farther; all numbers times 2 n, so that they are whole.
  const auto n = static_cast<std::int64_t>(ranks.size());
  const auto mean = static_cast<std::int64_t>(total * count);
  const auto distance = std::abs(static_cast<std::int64_t>(sum) * n - mean);
  double extreme = 0;
  for (std::size_t s = 0; s <= total; ++s) {
    if (std::abs(static_cast<std::int64_t>(s) * n - mean) >= distance) extreme += ways[count][s];
  }
  return extreme / all;
}

double NormalTail(double z) { return std::erfc(z / std::sqrt(2.0)); }  // two-sided

double NormalP(const std::vector<std::size_t>& ranks, std::size_t m, std::size_t n, double u) {
  std::vector<std::size_t> sorted = ranks;
  std::ranges::sort(sorted);
  const double all = static_cast<double>(m + n);
  double ties = 0;
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin + 1;
    while (end < sorted.size() && sorted[end] == sorted[begin]) ++end;
    const double t = static_cast<double>(end - begin);
    ties += t * t * t - t;
    begin = end;
  }
  const double product = static_cast<double>(m) * static_cast<double>(n);
  const double variance = product / 12 * (all + 1 - ties / (all * (all - 1)));
  if (variance <= 0) return 1;
  return std::min(1.0,
                  NormalTail(std::max(0.0, std::abs(u - product / 2) - 0.5) / std::sqrt(variance)));
}

// Slope per step by least squares: enough where each part has one floor.
double Slope(std::span<const double> values) {
  const double n = static_cast<double>(values.size());
  if (values.size() < 2) return 0;
  const double middle = (n - 1) / 2;
  double above = 0;
  double below = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - middle;
    above += x * values[i];
    below += x * x;
  }
  return above / below;
}

}  // namespace

double Median(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double MedianDeviation(std::span<const double> values) {
  const double middle = Median(values);
  std::vector<double> distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return Median(distances);
}

RankTest MannWhitney(std::span<const double> first, std::span<const double> second) {
  if (first.empty() || second.empty()) return {};
  std::vector<double> all(first.begin(), first.end());
  all.insert(all.end(), second.begin(), second.end());
  const std::vector<std::size_t> ranks = DoubledRanks(all);
  const std::size_t sum = std::accumulate(ranks.begin() + static_cast<std::ptrdiff_t>(first.size()),
                                          ranks.end(), std::size_t{0});
  const double n = static_cast<double>(second.size());
  const double u = static_cast<double>(sum) / 2 - n * (n + 1) / 2;
  RankTest test;
  test.superiority = u / (static_cast<double>(first.size()) * n);
  test.p = all.size() <= kExactSamples ? ExactP(ranks, second.size(), sum)
                                       : NormalP(ranks, first.size(), second.size(), u);
  return test;
}

double CoinTest(std::size_t hits, std::size_t trials) {
  double p = 0;
  for (std::size_t k = hits; k <= trials; ++k) {
    const double n = static_cast<double>(trials);
    const double i = static_cast<double>(k);
    p += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) -
                  n * std::log(2.0));
  }
  return std::min(1.0, p);
}

std::optional<std::size_t> SamplesNeeded(double superiority) {
  constexpr double kCertain = 2.5758;  // two-sided 1 %
  constexpr double kPower = 1.2816;    // nine of ten
  constexpr double kMost = 1000;
  const double effect = superiority - 0.5;
  if (std::abs(effect) < 1e-6) return std::nullopt;
  const double n = std::pow(kCertain + kPower, 2) / (6 * effect * effect);
  if (n > kMost) return std::nullopt;
  return static_cast<std::size_t>(std::ceil(n));
}

ExactGrowth JudgeExactGrowth(std::span<const double> floors) {
  ExactGrowth growth;
  if (floors.size() < kGrowthParts) {
    growth.why = "the run has too few parts";
    return growth;
  }
  growth.net = floors.back() - floors.front();
  std::size_t rises = 0;
  for (std::size_t i = 1; i < floors.size(); ++i) rises += floors[i] - floors[i - 1] >= 1;
  const std::size_t half = floors.size() / 2;
  const double early = Slope(floors.first(half));
  const double late = Slope(floors.last(half));
  if (rises + 1 < floors.size()) {
    growth.why = fmt::format("it rises in {} of {} parts only", rises, floors.size() - 1);
  } else if (late < early / 2) {
    growth.why = "it levels off: the second half rises less than half as fast as the first";
  } else {
    growth.is_growing = true;
    growth.why = fmt::format("it rises from each of {} parts to the next", floors.size());
  }
  return growth;
}

}  // namespace memwhy::gate
