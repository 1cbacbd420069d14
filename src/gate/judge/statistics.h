// SPDX-License-Identifier: Apache-2.0
//
// The statistics of the gate. Pure; samples may come in any order.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace memwhy::gate {

// 0 of no values.
double Median(std::span<const double> values);
// Median distance from the median, not scaled; 0 of no values.
double MedianDeviation(std::span<const double> values);

// Mann-Whitney U test, two-sided: how likely are two samples of one distribution at least as far
// apart. Exact for up to kExactSamples values together (ties too: all splits of the midranks are
// counted); beyond, the normal approximation with corrections for ties and continuity. 1 where a
// side is empty. Source: Mann, Whitney 1947; ties: Lehmann, Nonparametrics, 1.4.
struct RankTest {
  double p = 1;
  // How often a value of the second sample is larger than one of the first, ties half: 0 .. 1.
  double superiority = 0.5;
};
inline constexpr std::size_t kExactSamples = 60;
RankTest MannWhitney(std::span<const double> first, std::span<const double> second);

// One-sided binomial: how likely at least `hits` of `trials` are hits of a fair coin.
double CoinTest(std::size_t hits, std::size_t trials);

// How many values a side a Mann-Whitney test needs to find this superiority at p < 0.01 (two-sided)
// in nine of ten cases (Noether 1987, equal sides). nullopt: no number up to 1000 is enough.
std::optional<std::size_t> SamplesNeeded(double superiority);

// Growth of an exact number over a run, from its least value in each of some equal parts. Growing,
// by the rule of CPython's test for reference leaks: it rises by at least 1 in every part; and in
// the second half at least half as fast as in the first, so that a cache that fills is none.
struct ExactGrowth {
  bool is_growing = false;
  double net = 0;  // from the first part to the last
  std::string why;
};
inline constexpr std::size_t kGrowthParts = 6;
ExactGrowth JudgeExactGrowth(std::span<const double> floors);

}  // namespace memwhy::gate
