// SPDX-License-Identifier: Apache-2.0
#include "monitor/growth_track.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace memwhy::monitor {
namespace {

constexpr Bytes kMiB = 1 << 20;

TEST(GrowthTrackTest, ALineHasItsSlopeAndReachesItsLimit) {
  GrowthTrack track;
  for (int i = 0; i <= 10; ++i) track.Add(i, 100 * kMiB + static_cast<Bytes>(i) * kMiB);
  EXPECT_NEAR(*track.Slope(), kMiB, 1);
  EXPECT_NEAR(*track.SecondsUntil(210 * kMiB), 100, 0.01);
  EXPECT_EQ(track.SecondsUntil(50 * kMiB), 0);
}

TEST(GrowthTrackTest, NothingIsSaidBeforeThereIsEnough) {
  GrowthTrack track;
  EXPECT_FALSE(track.Slope());
  track.Add(0, kMiB);
  track.Add(1, 2 * kMiB);
  EXPECT_FALSE(track.Slope());
  EXPECT_FALSE(track.SecondsUntil(10 * kMiB));
}

TEST(GrowthTrackTest, NoiseIsNoForecast) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 1e6);
  int forecasts = 0;
  for (int run = 0; run < 200; ++run) {
    GrowthTrack track;
    for (int i = 0; i < 60; ++i) {
      track.Add(i, static_cast<Bytes>(500e6 + noise(random)));
    }
    forecasts += track.SecondsUntil(510'000'000) ? 1 : 0;
  }
  // Four standard errors: about once in thirty thousand.
  EXPECT_LE(forecasts, 1);
}

TEST(GrowthTrackTest, ALeakWithNoiseIsForecastWithinATenth) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 1e6);
  for (int run = 0; run < 50; ++run) {
    GrowthTrack track;
    for (int i = 0; i < 60; ++i) {
      track.Add(i, static_cast<Bytes>(500e6 + i * 1e6 + noise(random)));
    }
    const auto seconds = track.SecondsUntil(659'000'000);
    ASSERT_TRUE(seconds);
    EXPECT_NEAR(*seconds, 100, 10);
  }
}

TEST(GrowthTrackTest, OnlyTheLastMinuteCounts) {
  GrowthTrack track;
  for (int i = 0; i < 100; ++i) track.Add(i, static_cast<Bytes>(i) * kMiB);
  for (int i = 100; i < 200; ++i) track.Add(i, 100 * kMiB);
  EXPECT_NEAR(*track.Slope(), 0, 1);
  EXPECT_FALSE(track.SecondsUntil(200 * kMiB));
}

TEST(GrowthTrackTest, AClockThatStandsIsIgnored) {
  GrowthTrack track;
  for (int i = 0; i < 10; ++i) track.Add(1, static_cast<Bytes>(i));
  EXPECT_FALSE(track.Slope());
}

}  // namespace
}  // namespace memwhy::monitor
