// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace memwhy::analysis {
namespace {

constexpr Bytes kGrowthTestMiB = 1024 * 1024;

std::vector<Bytes> Line(std::size_t bins, Bytes step) {
  std::vector<Bytes> floors;
  for (std::size_t i = 0; i < bins; ++i) floors.push_back(100 * kGrowthTestMiB + i * step);
  return floors;
}

TEST(GrowthTest, TheilSenIgnoresAnOutlier) {
  EXPECT_DOUBLE_EQ(TheilSen(std::vector<double>{0, 1, 2, 300, 4, 5, 6}), 1);
  EXPECT_EQ(TheilSen(std::vector<double>{7}), 0);
}

TEST(GrowthTest, MannKendallOfARisingLineIsTheKnownValue) {
  std::vector<double> values(15);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_NEAR(MannKendall(values), 104 / std::sqrt(15 * 14 * 35 / 18.0), 1e-9);
  EXPECT_EQ(MannKendall(std::vector<double>(15, 3.0)), 0);
}

TEST(GrowthTest, ALineGrowsByItsSlope) {
  const Growth growth = JudgeFloors(Line(15, kGrowthTestMiB), 30, {});
  EXPECT_EQ(growth.trend, Trend::kGrowing) << growth.why;
  EXPECT_NEAR(growth.slope, kGrowthTestMiB / 2.0, 1);
}

TEST(GrowthTest, AFlatMetricIsStable) {
  EXPECT_EQ(JudgeFloors(Line(15, 0), 30, {}).trend, Trend::kStable);
}

TEST(GrowthTest, AWindowUnderTenSecondsIsTooShort) {
  const Growth growth = JudgeFloors(Line(15, kGrowthTestMiB), 9, {});
  EXPECT_EQ(growth.trend, Trend::kInconclusive);
  EXPECT_EQ(growth.needed_seconds, 10);
}

TEST(GrowthTest, FewOrNoBinsAreInconclusive) {
  EXPECT_EQ(JudgeFloors({}, 60, {}).trend, Trend::kInconclusive);
  EXPECT_EQ(JudgeFloors(Line(3, kGrowthTestMiB), 60, {}).trend, Trend::kInconclusive);
  EXPECT_EQ(JudgeFloors(Line(1, kGrowthTestMiB), 0, {}).trend, Trend::kInconclusive);
}

TEST(GrowthTest, OneJumpIsNoGrowth) {
  std::vector<Bytes> floors(15, 100 * kGrowthTestMiB);
  for (std::size_t i = 8; i < 15; ++i) floors[i] = 120 * kGrowthTestMiB;
  EXPECT_NE(JudgeFloors(floors, 30, {}).trend, Trend::kGrowing);
}

TEST(GrowthTest, ALateReleaseIsNoGrowth) {
  std::vector<Bytes> floors = Line(15, kGrowthTestMiB);
  floors[13] = floors[14] = 101 * kGrowthTestMiB;
  EXPECT_NE(JudgeFloors(floors, 30, {}).trend, Trend::kGrowing);
}

TEST(GrowthTest, RareStepsOfAPoolGrowWhenBothHalvesRise) {
  std::vector<Bytes> floors(15, 100 * kGrowthTestMiB);
  for (std::size_t i = 0; i < 15; ++i) floors[i] += i / 4 * kGrowthTestMiB;
  EXPECT_EQ(JudgeSteps(floors, 40, 256 * 1024).trend, Trend::kGrowing);
  std::vector<Bytes> early(15, 103 * kGrowthTestMiB);
  for (std::size_t i = 0; i < 3; ++i) early[i] = (100 + i) * kGrowthTestMiB;
  EXPECT_NE(JudgeSteps(early, 40, 256 * 1024).trend, Trend::kGrowing);
}

}  // namespace
}  // namespace memwhy::analysis
