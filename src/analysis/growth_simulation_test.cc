// SPDX-License-Identifier: Apache-2.0
//
// How often the growth rule cries wolf, and how often it misses: seeded series of the shapes that
// services show. A sample is one tenth of a second; a series is cut into floors as a view does it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "analysis/growth.h"

namespace memwhy::analysis {
namespace {

constexpr int kSeries = 400;
constexpr double kBase = 200.0 * (1 << 20);
constexpr double kGrowthSimulationTestMiB = 1 << 20;

using Random = std::mt19937_64;
// A series of `samples` values in bytes above the base.
using Shape = std::function<std::vector<double>(Random&, int samples)>;

double Normal(Random& random, double deviation) {
  return std::normal_distribution<double>(0, deviation)(random);
}

std::vector<double> Iid(Random& random, int samples) {
  std::vector<double> out;
  for (int i = 0; i < samples; ++i) out.push_back(Normal(random, 1 * kGrowthSimulationTestMiB));
  return out;
}

std::vector<double> Sawtooth(Random& random, int samples) {
  std::vector<double> out;
  const double period = 5 + 15 * std::uniform_real_distribution<double>()(random);
  for (int i = 0; i < samples; ++i) {
    out.push_back(10 * kGrowthSimulationTestMiB * std::fmod(i, period) / period +
                  Normal(random, 0.1 * kGrowthSimulationTestMiB));
  }
  return out;
}

std::vector<double> Autoregressive(Random& random, int samples) {
  std::vector<double> out;
  double value = 0;
  for (int i = 0; i < samples; ++i) {
    value = 0.95 * value + Normal(random, 0.5 * kGrowthSimulationTestMiB);
    out.push_back(value);
  }
  return out;
}

std::vector<double> WarmUp(Random& random, int samples) {
  std::vector<double> out;
  const double tau = samples * (0.05 + 0.15 * std::uniform_real_distribution<double>()(random));
  for (int i = 0; i < samples; ++i) {
    out.push_back(40 * kGrowthSimulationTestMiB * (1 - std::exp(-i / tau)) +
                  Normal(random, 0.1 * kGrowthSimulationTestMiB));
  }
  return out;
}

// A cache that fills evenly and is full before three quarters of the window after the warm-up.
std::vector<double> FillsUp(Random& random, int samples) {
  std::vector<double> out;
  const double full = samples * (0.2 + 0.55 * std::uniform_real_distribution<double>()(random));
  for (int i = 0; i < samples; ++i) {
    out.push_back(40 * kGrowthSimulationTestMiB * std::min(1.0, i / full) +
                  Normal(random, 0.1 * kGrowthSimulationTestMiB));
  }
  return out;
}

std::vector<double> Ratchet(Random& random, int samples) {
  std::vector<double> out;
  double high = 0;
  for (int i = 0; i < samples; ++i) {
    high = std::max(
        high, std::exponential_distribution<double>(1 / (4 * kGrowthSimulationTestMiB))(random));
    out.push_back(high);
  }
  return out;
}

Shape Plus(Shape shape, double bytes_per_sample) {
  return [=](Random& random, int samples) {
    std::vector<double> out = shape(random, samples);
    for (int i = 0; i < samples; ++i) out[static_cast<std::size_t>(i)] += bytes_per_sample * i;
    return out;
  };
}

// The last two thirds in 15 bins, the least of each.
std::vector<Bytes> Floors(const std::vector<double>& series) {
  std::vector<Bytes> floors;
  const std::size_t from = series.size() / 3;
  const std::size_t length = series.size() - from;
  for (std::size_t bin = 0; bin < 15; ++bin) {
    const auto begin = series.begin() + static_cast<std::ptrdiff_t>(from + bin * length / 15);
    const auto end = series.begin() + static_cast<std::ptrdiff_t>(from + (bin + 1) * length / 15);
    const double least = kBase + *std::min_element(begin, end);
    floors.push_back(static_cast<Bytes>(std::floor(least / 4096) * 4096));
  }
  return floors;
}

double ShareGrowing(const Shape& shape, int samples, MetricClass metric) {
  int growing = 0;
  for (int seed = 0; seed < kSeries; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const std::vector<Bytes> floors = Floors(shape(random, samples));
    GrowthOptions options;
    options.metric = metric;
    if (metric == MetricClass::kNoisy) options.minimum_net = 1 * kGrowthSimulationTestMiB;
    if (JudgeFloors(floors, samples / 15.0, options).trend == Trend::kGrowing) ++growing;
  }
  return growing / static_cast<double>(kSeries);
}

struct Case {
  const char* name;
  Shape shape;
};

class FalseAlarm : public testing::TestWithParam<int> {};

TEST_P(FalseAlarm, NoneInHundredsOfSeriesWithoutALeak) {
  const std::vector<Case> cases = {{"iid", Iid},           {"sawtooth", Sawtooth},
                                   {"ar", Autoregressive}, {"warm-up", WarmUp},
                                   {"fills up", FillsUp},  {"ratchet", Ratchet}};
  for (const Case& one : cases) {
    EXPECT_EQ(ShareGrowing(one.shape, GetParam(), MetricClass::kNoisy), 0) << one.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Samples, FalseAlarm, testing::Values(300, 600, 900));

TEST(GrowthPowerTest, SeesALinearLeakUnderNoise) {
  EXPECT_EQ(ShareGrowing(Plus(Iid, 50 * 1024), 600, MetricClass::kNoisy), 1);
  EXPECT_GE(ShareGrowing(Plus(Autoregressive, 50 * 1024), 600, MetricClass::kNoisy), 0.9);
  EXPECT_GE(ShareGrowing(Plus(Sawtooth, 50 * 1024), 600, MetricClass::kNoisy), 0.75);
}

TEST(GrowthPowerTest, SeesASlowLeakInAnExactMetric) {
  const Shape in_flight = [](Random& random, int samples) {
    std::vector<double> out;
    for (int i = 0; i < samples; ++i) {
      out.push_back(std::poisson_distribution<int>(2)(random) * 12 * 1024.0);
    }
    return out;
  };
  EXPECT_GE(ShareGrowing(Plus(in_flight, 1024), 600, MetricClass::kExact), 0.99);
  EXPECT_EQ(ShareGrowing(in_flight, 600, MetricClass::kExact), 0);
}

// One stack of a bounded cache: entries of random size, the oldest goes when a new one comes.
TEST(GrowthFalseAlarmTest, ABoundedCacheWhoseEntriesTurnOverIsNeverBlamed) {
  for (const int limit : {16, 64, 256, 1024}) {
    for (int seed = 0; seed < kSeries; ++seed) {
      Random random(static_cast<std::uint64_t>(seed));
      std::exponential_distribution<double> size(1.0 / 12288);
      std::vector<double> sizes;
      model::StackGrowth stack;
      stack.survivors_by_birth.assign(15, 0);
      const int per_bin = 80;  // requests per bin; the window is 40 s
      double live = 0;
      for (int i = 0; i < limit; ++i) live += sizes.emplace_back(size(random));
      for (int bin = 0; bin < 15; ++bin) {
        double least = live;
        for (int i = 0; i < per_bin; ++i) {
          live += sizes.emplace_back(size(random));
          live -= sizes[sizes.size() - 1 - static_cast<std::size_t>(limit)];
          least = std::min(least, live);
        }
        stack.floor.push_back(static_cast<Bytes>(least));
      }
      for (int age = 0; age < limit && age < 15 * per_bin; ++age) {
        const int bin = 14 - age / per_bin;
        if (bin > 12) continue;  // the tail
        const auto bytes =
            static_cast<Bytes>(sizes[sizes.size() - 1 - static_cast<std::size_t>(age)]);
        stack.survivors_by_birth[static_cast<std::size_t>(bin)] += bytes;
        stack.survivor_bytes += bytes;
        ++stack.survivor_blocks;
      }
      model::WindowOptions window;
      window.to = 40;
      window.tail_from = 36;
      EXPECT_FALSE(JudgeStack(stack, window).is_growing) << limit << " entries, seed " << seed;
    }
  }
}

}  // namespace
}  // namespace memwhy::analysis
