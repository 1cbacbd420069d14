// SPDX-License-Identifier: Apache-2.0
//
// Is a metric growing? Pure functions on floors: the least value in each of some equal bins of a
// window whose warm-up has been cut off. Growing means: Mann-Kendall sees a rise, the second half
// rises at least half as fast as the first, the end still rises, most steps go up, no fall undoes
// what was gained, and it is enough to matter. So a warm-up, a bounded cache, a ratchet or a
// sawtooth is not growth (growth_simulation_test.cc counts the false alarms).
#pragma once

#include <span>
#include <string>

#include "base/bytes.h"
#include "model/sites/window_view.h"

namespace memwhy::analysis {

enum class Trend { kGrowing, kPlateau, kStable, kInconclusive };
const char* TrendName(Trend trend);

// Exact: counted from events, free of noise but for work in flight. Noisy: rss and the like.
enum class MetricClass { kExact, kNoisy };

struct Growth {
  Trend trend = Trend::kInconclusive;
  int bins = 0;
  double seconds = 0;         // of the window
  double z = 0;               // Mann-Kendall, corrected for ties
  double slope = 0;           // Theil-Sen, bytes per second, of all floors
  double first_slope = 0;     // of the first half
  double second_slope = 0;    // of the second half
  double last_slope = 0;      // of the last third
  double upward = 0;          // share of steps that go up, 0 .. 1
  double base = 0;            // median of the first third, bytes
  double net = 0;             // slope x window, bytes
  double drawdown = 0;        // deepest fall below what had been reached, bytes
  double scatter = 0;         // median distance from the line, bytes
  double needed_seconds = 0;  // kInconclusive because too short: how long the window should be
  std::string why;            // one sentence, with the number that decided
};

struct GrowthOptions {
  MetricClass metric = MetricClass::kExact;
  double minimum_net = 64 * 1024;  // bytes: less does not matter
  double minimum_share = 0;        // of base; noisy metrics take at least 0.005
};

inline constexpr double kShortestWindow_s = 10;
inline constexpr int kFewestBins = 8;

// `seconds` is the length of the whole window, which the floors divide into equal bins.
Growth JudgeFloors(std::span<const Bytes> floors, double seconds, const GrowthOptions& options);

// Steps taken by a pool in units (arenas): a step is rare, so most bins rise not at all. Growing
// when it never falls, rises at least three times, and in both halves.
Growth JudgeSteps(std::span<const Bytes> floors, double seconds, double minimum_net);

// One stack of a window: its floor grows, and its survivors were born all through the window, or
// its blocks have become larger.
struct StackJudgement {
  bool is_growing = false;
  bool by_size = false;  // the blocks became larger; nothing is said of births
  Growth growth;
  double births_spread = 0;  // share of the bins before the tail that bore survivors
  double births_late = 0;    // births of the second half / of the first; 0 without a first
  double kept = 0;           // net / survivor bytes: near 0 for a cache whose entries turn over
  std::string why;           // the reason, either way
};
StackJudgement JudgeStack(const model::StackGrowth& stack, const model::WindowOptions& window);

// Theil-Sen slope per step; 0 for fewer than two values.
double TheilSen(std::span<const double> values);
// Mann-Kendall z with correction for ties; 0 for fewer than three values.
double MannKendall(std::span<const double> values);

}  // namespace memwhy::analysis
