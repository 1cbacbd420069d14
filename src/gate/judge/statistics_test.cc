// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/statistics.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace memwhy::gate {
namespace {

using Values = std::vector<double>;

TEST(StatisticsTest, MedianAndDeviationOfKnownValues) {
  EXPECT_EQ(Median(Values{}), 0);
  EXPECT_EQ(Median(Values{3}), 3);
  EXPECT_EQ(Median(Values{4, 1, 2, 3}), 2.5);
  EXPECT_EQ(MedianDeviation(Values{1, 1, 2, 2, 4, 6, 9}), 1);
}

// scipy.stats.mannwhitneyu(a, b, method="exact"), two-sided.
TEST(StatisticsTest, RankTestOfSeparateSamplesIsTheLeastShareOfSplits) {
  const RankTest test = MannWhitney(Values{1, 2, 3, 4, 5, 6, 7}, Values{8, 9, 10, 11, 12, 13, 14});
  EXPECT_NEAR(test.p, 2.0 / 3432, 1e-12);
  EXPECT_EQ(test.superiority, 1);
}

TEST(StatisticsTest, RankTestOfMixedSamplesWithoutTies) {
  // U of the second is 14 of 20 pairs; p = 0.41269841...
  const RankTest test = MannWhitney(Values{1, 4, 5, 9}, Values{2, 6, 7, 8, 10});
  EXPECT_NEAR(test.superiority, 0.7, 1e-12);
  EXPECT_NEAR(test.p, 52.0 / 126, 1e-9);
}

// All splits of the midranks, counted by hand: {1,1} of {1,1,1,2}: 6 splits, 3 as far.
TEST(StatisticsTest, RankTestCountsTies) {
  EXPECT_NEAR(MannWhitney(Values{1, 1}, Values{1, 2}).p, 1, 1e-12);
  EXPECT_NEAR(MannWhitney(Values{5, 5, 5}, Values{5, 5, 5}).p, 1, 1e-12);
  EXPECT_NEAR(MannWhitney(Values{1, 1, 1}, Values{2, 2, 2}).p, 2.0 / 20, 1e-12);
}

TEST(StatisticsTest, RankTestOfNothingSaysNothing) {
  EXPECT_EQ(MannWhitney(Values{}, Values{1, 2}).p, 1);
  EXPECT_EQ(MannWhitney(Values{1}, Values{}).superiority, 0.5);
}

TEST(StatisticsTest, RankTestIsTheSameFromBothSides) {
  const Values a{1, 3, 3, 7, 9, 12};
  const Values b{2, 3, 8, 8, 13};
  EXPECT_NEAR(MannWhitney(a, b).p, MannWhitney(b, a).p, 1e-12);
  EXPECT_NEAR(MannWhitney(a, b).superiority + MannWhitney(b, a).superiority, 1, 1e-12);
}

TEST(StatisticsTest, ApproximationMeetsTheExactTestWhereItBegins) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  Values a;
  Values b;
  for (int i = 0; i < 30; ++i) a.push_back(normal(random));
  for (int i = 0; i < 30; ++i) b.push_back(normal(random) + 0.6);
  const double exact = MannWhitney(a, b).p;
  a.push_back(Median(a));  // one more than the exact test takes
  const double approximate = MannWhitney(a, b).p;
  EXPECT_NEAR(exact, approximate, exact * 0.3);
  EXPECT_LT(exact, 0.2);
}

TEST(StatisticsTest, AlarmsOfEqualSamplesAreAsRareAsSaid) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal;
  int alarms = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    Values a;
    Values b;
    for (int i = 0; i < 7; ++i) a.push_back(normal(random));
    for (int i = 0; i < 7; ++i) b.push_back(normal(random));
    alarms += MannWhitney(a, b).p < 0.01;
  }
  EXPECT_LE(alarms, kTrials * 0.015);
  EXPECT_GE(alarms, kTrials * 0.002);
}

TEST(StatisticsTest, CoinTestIsBinomial) {
  EXPECT_NEAR(CoinTest(7, 7), 1.0 / 128, 1e-12);
  EXPECT_NEAR(CoinTest(6, 7), 8.0 / 128, 1e-12);
  EXPECT_NEAR(CoinTest(0, 7), 1, 1e-12);
}

TEST(StatisticsTest, SmallEffectsNeedMoreSamples) {
  EXPECT_EQ(SamplesNeeded(1.0), 10u);  // (2.5758 + 1.2816)^2 / 1.5
  EXPECT_EQ(SamplesNeeded(0.0), SamplesNeeded(1.0));
  EXPECT_EQ(SamplesNeeded(0.75), 40u);
  EXPECT_EQ(SamplesNeeded(0.5), std::nullopt);
  EXPECT_EQ(SamplesNeeded(0.51), std::nullopt);
}

TEST(StatisticsTest, GrowthRisesInEachPart) {
  EXPECT_TRUE(JudgeExactGrowth(Values{10, 11, 12, 13, 14, 15}).is_growing);
  EXPECT_EQ(JudgeExactGrowth(Values{10, 11, 12, 13, 14, 15}).net, 5);
}

TEST(StatisticsTest, OnePartThatDoesNotRiseIsNoGrowth) {
  EXPECT_FALSE(JudgeExactGrowth(Values{10, 13, 13, 16, 19, 22}).is_growing);
  EXPECT_FALSE(JudgeExactGrowth(Values{10, 10, 10, 10, 10, 10}).is_growing);
  EXPECT_FALSE(JudgeExactGrowth(Values{10, 900, 901, 900, 901, 902}).is_growing);
}

TEST(StatisticsTest, CacheThatFillsIsNoGrowth) {
  EXPECT_FALSE(JudgeExactGrowth(Values{0, 1000, 1500, 1700, 1800, 1850}).is_growing);
}

TEST(StatisticsTest, TooFewPartsProveNothing) {
  EXPECT_FALSE(JudgeExactGrowth(Values{1, 2, 3}).is_growing);
}

}  // namespace
}  // namespace memwhy::gate
