// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace memwhy::analysis {
namespace {

constexpr Bytes kMiB = 1024 * 1024;

std::vector<Bytes> Line(std::size_t bins, Bytes step) {
  std::vector<Bytes> floors;
  for (std::size_t i = 0; i < bins; ++i) floors.push_back(100 * kMiB + i * step);
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
  const Growth growth = JudgeFloors(Line(15, kMiB), 30, {});
  EXPECT_EQ(growth.trend, Trend::kGrowing) << growth.why;
  EXPECT_NEAR(growth.slope, kMiB / 2.0, 1);
}

TEST(GrowthTest, AFlatMetricIsStable) {
  EXPECT_EQ(JudgeFloors(Line(15, 0), 30, {}).trend, Trend::kStable);
}

TEST(GrowthTest, AWindowUnderTenSecondsIsTooShort) {
  const Growth growth = JudgeFloors(Line(15, kMiB), 9, {});
  EXPECT_EQ(growth.trend, Trend::kInconclusive);
  EXPECT_EQ(growth.needed_seconds, 10);
}

TEST(GrowthTest, FewOrNoBinsAreInconclusive) {
  EXPECT_EQ(JudgeFloors({}, 60, {}).trend, Trend::kInconclusive);
  EXPECT_EQ(JudgeFloors(Line(3, kMiB), 60, {}).trend, Trend::kInconclusive);
  EXPECT_EQ(JudgeFloors(Line(1, kMiB), 0, {}).trend, Trend::kInconclusive);
}

TEST(GrowthTest, OneJumpIsNoGrowth) {
  std::vector<Bytes> floors(15, 100 * kMiB);
  for (std::size_t i = 8; i < 15; ++i) floors[i] = 120 * kMiB;
  EXPECT_NE(JudgeFloors(floors, 30, {}).trend, Trend::kGrowing);
}

TEST(GrowthTest, ALateReleaseIsNoGrowth) {
  std::vector<Bytes> floors = Line(15, kMiB);
  floors[13] = floors[14] = 101 * kMiB;
  EXPECT_NE(JudgeFloors(floors, 30, {}).trend, Trend::kGrowing);
}

TEST(GrowthTest, RareStepsOfAPoolGrowWhenBothHalvesRise) {
  std::vector<Bytes> floors(15, 100 * kMiB);
  for (std::size_t i = 0; i < 15; ++i) floors[i] += i / 4 * kMiB;
  EXPECT_EQ(JudgeSteps(floors, 40, 256 * 1024).trend, Trend::kGrowing);
  std::vector<Bytes> early(15, 103 * kMiB);
  for (std::size_t i = 0; i < 3; ++i) early[i] = (100 + i) * kMiB;
  EXPECT_NE(JudgeSteps(early, 40, 256 * 1024).trend, Trend::kGrowing);
}

}  // namespace
}  // namespace memwhy::analysis
