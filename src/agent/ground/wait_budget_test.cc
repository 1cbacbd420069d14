// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/wait_budget.h"

#include <gtest/gtest.h>

namespace memwhy::agent {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 5'000'000 * kMs;
constexpr std::uint64_t kFree = WaitBudget::kFreeNs;

class WaitBudgetTest : public ::testing::Test {
 protected:
  WaitBudgetTest() { budget_.Start(kStart); }
  WaitBudget budget_;
};

TEST_F(WaitBudgetTest, ShortWaitsAreFree) {
  for (int i = 0; i < 1000; ++i) budget_.Charge(kStart, kStart + kFree);
  EXPECT_EQ(budget_.charged_ns(), 0u);
}

TEST_F(WaitBudgetTest, BeyondThemEachMomentCountsOnce) {
  budget_.Charge(kStart, kStart + kFree + 10 * kMs);
  budget_.Charge(kStart + 5 * kMs, kStart + kFree + 10 * kMs);
  budget_.Charge(kStart + 5 * kMs, kStart + kFree + 12 * kMs);
  EXPECT_EQ(budget_.charged_ns(), 12 * kMs);
  const std::uint64_t later = kStart + 1000 * kMs;
  budget_.Charge(later, later + kFree + kMs);
  EXPECT_EQ(budget_.charged_ns(), 13 * kMs);
}

TEST_F(WaitBudgetTest, IsSpentAndComesBackWithTime) {
  const std::uint64_t end = kStart + kFree + WaitBudget::kAtStartNs;
  budget_.Charge(kStart, end);
  EXPECT_FALSE(budget_.IsSpent(end)) << "1 % of the time that has passed is left";
  budget_.Charge(kStart, end + 200 * kMs);
  EXPECT_TRUE(budget_.IsSpent(end + 200 * kMs));
  EXPECT_FALSE(budget_.IsSpent(end + 20'000 * kMs));
}

TEST_F(WaitBudgetTest, AForkedChildHasItsOwn) {
  budget_.Charge(kStart, kStart + 60'000 * kMs);
  EXPECT_TRUE(budget_.IsSpent(kStart + 60'000 * kMs));
  budget_.Start(kStart + 60'000 * kMs);
  EXPECT_FALSE(budget_.IsSpent(kStart + 60'000 * kMs));
}

}  // namespace
}  // namespace memwhy::agent
