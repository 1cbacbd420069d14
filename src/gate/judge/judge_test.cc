// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/judge.h"

#include <gtest/gtest.h>

#include <vector>

namespace memwhy::gate {
namespace {

constexpr double kMiB = 1024 * 1024;

std::vector<double> Levels(std::vector<double> mib) {
  for (double& one : mib) one *= kMiB;
  return mib;
}

const std::vector<double> kBase = Levels({100, 100.1, 100.2, 99.9, 100, 100.1, 99.8});

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    plan_.workloads.resize(1);
    plan_.workloads[0].name = "w";
    before_.workloads.resize(1);
    now_.workloads.resize(1);
    before_.workloads[0].name = now_.workloads[0].name = "w";
  }
  Budget& Add(const char* metric) {
    plan_.workloads[0].budgets.emplace_back();
    plan_.workloads[0].budgets.back().metric = FindMetric(metric);
    return plan_.workloads[0].budgets.back();
  }
  void Set(const char* metric, std::vector<double> before, std::vector<double> now) {
    if (!before.empty()) before_.workloads[0].metrics[metric].levels = std::move(before);
    now_.workloads[0].metrics[metric].levels = std::move(now);
  }
  GateResult Result() { return Judge(plan_, &before_, now_); }
  BoundResult First() { return Result().workloads[0].bounds.at(0); }

  Plan plan_;
  Measurement before_;
  Measurement now_;
};

TEST_F(JudgeTest, NoisyIncreaseBeyondTheBudgetIsARegression) {
  Add("rss_peak").increase_percent = 2;
  Set("rss_peak", kBase, Levels({103, 103.1, 103.2, 102.9, 103, 103.1, 102.8}));
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kRegress) << bound.why;
  EXPECT_NEAR(*bound.percent, 3, 0.1);
  EXPECT_LT(*bound.p, 0.01);
  EXPECT_EQ(StateExitCode(Result().state), 1);
}

TEST_F(JudgeTest, NoisyIncreaseWithinTheBudgetPasses) {
  Add("rss_peak").increase_percent = 5;
  Set("rss_peak", kBase, Levels({103, 103.1, 103.2, 102.9, 103, 103.1, 102.8}));
  EXPECT_EQ(First().state, State::kPass);
}

TEST_F(JudgeTest, EitherOfTwoIncreasesBreaksTheBudget) {
  Add("rss_peak").increase_percent = 5;
  plan_.workloads[0].budgets[0].increase = 1 * kMiB;
  Set("rss_peak", kBase, Levels({103, 103.1, 103.2, 102.9, 103, 103.1, 102.8}));
  EXPECT_EQ(First().state, State::kRegress);
}

TEST_F(JudgeTest, NoiseIsInconclusiveAndSaysHowManyRepeatsWouldDecide) {
  Add("rss_peak").increase_percent = 2;
  Set("rss_peak", Levels({90, 100, 110, 95, 105, 98, 102}),
      Levels({95, 104, 118, 99, 110, 103, 107}));
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kInconclusive);
  ASSERT_TRUE(bound.more_repeats);
  EXPECT_GT(*bound.more_repeats, 0u);
  EXPECT_EQ(StateExitCode(Result().state), 4);
}

TEST_F(JudgeTest, ShiftWithinTheDeviationIsInconclusive) {
  Add("rss_peak").increase_percent = 1;
  std::vector<double> before;
  std::vector<double> now;
  for (int i = 0; i < 40; ++i) {
    before.push_back((90 + i * 0.5) * kMiB);
    now.push_back((95 + i * 0.5) * kMiB);
  }
  Set("rss_peak", before, now);
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kInconclusive);
  EXPECT_LT(*bound.p, 0.01);
  EXPECT_FALSE(bound.more_repeats);
}

TEST_F(JudgeTest, FewProcessesAreInconclusive) {
  Add("rss_peak").increase_percent = 2;
  Set("rss_peak", kBase, Levels({150, 150, 150}));
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kInconclusive);
  EXPECT_EQ(bound.more_repeats, 4u);
}

TEST_F(JudgeTest, DecreaseIsAnImprovementAndExitsWithZero) {
  Add("rss_peak").increase_percent = 2;
  Set("rss_peak", kBase, Levels({90, 90.1, 90.2, 89.9, 90, 90.1, 89.8}));
  EXPECT_EQ(First().state, State::kImproved);
  EXPECT_EQ(StateExitCode(Result().state), 0);
}

TEST_F(JudgeTest, ExactIncreaseNeedsNoStatistics) {
  Add("heap_peak").increase = 1000;
  Set("heap_peak", {50000, 50000}, {51001, 51001});
  EXPECT_EQ(First().state, State::kRegress);
  Set("heap_peak", {50000, 50000}, {51000, 51000});
  EXPECT_EQ(First().state, State::kPass);
  Set("heap_peak", {50000, 50000}, {40000, 40000});
  EXPECT_EQ(First().state, State::kImproved);
}

TEST_F(JudgeTest, ExactNumbersThatOverlapAreInconclusive) {
  Add("heap_peak").increase = 10;
  Set("heap_peak", {50000, 52000}, {49900, 53000});
  EXPECT_EQ(First().state, State::kInconclusive);
}

TEST_F(JudgeTest, LimitOfANoisyLevelNeedsMostProcesses) {
  Add("rss_peak").limit = 100.05 * kMiB;
  Set("rss_peak", {}, Levels({101, 101, 101, 101, 101, 101, 101}));
  EXPECT_EQ(First().state, State::kRegress);
  Set("rss_peak", {}, Levels({99, 99, 99, 101, 101, 101, 101}));
  EXPECT_EQ(First().state, State::kInconclusive);
  Set("rss_peak", {}, Levels({99, 99, 99, 99, 101, 101, 101}));
  EXPECT_EQ(First().state, State::kPass);
}

TEST_F(JudgeTest, OtherEnvironmentIsNotComparedButLimitsHold) {
  Add("rss_peak").increase_percent = 2;
  plan_.workloads[0].budgets[0].limit = 50 * kMiB;
  Set("rss_peak", kBase, kBase);
  before_.fingerprint["kernel"] = "1";
  now_.fingerprint["kernel"] = "2";
  const GateResult result = Result();
  EXPECT_EQ(result.workloads[0].bounds[0].state, State::kRegress);
  EXPECT_EQ(result.workloads[0].bounds[1].state, State::kEnvMismatch);
  plan_.workloads[0].budgets[0].limit.reset();
  EXPECT_EQ(StateExitCode(Result().state), 5);
  plan_.ignored = {"kernel"};
  EXPECT_EQ(Result().state, State::kPass);
}

TEST_F(JudgeTest, WorkloadWithoutBaselineIsInconclusive) {
  Add("rss_peak").increase_percent = 2;
  Set("rss_peak", {}, kBase);
  before_.workloads[0].name = "other";
  EXPECT_EQ(Result().state, State::kInconclusive);
}

GrowthRun RunOf(std::vector<double> floors, double operations) {
  return GrowthRun{std::move(floors), 30, operations, ""};
}

TEST_F(JudgeTest, ExactGrowthMustBeInBothRecordings) {
  Add("python_blocks").growth = 0;
  MetricSamples& samples = now_.workloads[0].metrics["python_blocks"];
  samples.growth = {RunOf({0, 100, 200, 300, 400, 500}, 600),
                    RunOf({0, 100, 200, 300, 400, 500}, 600)};
  BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kRegress);
  EXPECT_NEAR(*bound.candidate_median, 1, 1e-9);
  samples.growth[1] = RunOf({0, 100, 200, 200, 400, 500}, 600);
  EXPECT_EQ(First().state, State::kPass);
}

TEST_F(JudgeTest, GrowthWithinItsBudgetPasses) {
  Add("python_blocks").growth = 2;
  MetricSamples& samples = now_.workloads[0].metrics["python_blocks"];
  samples.growth = {RunOf({0, 100, 200, 300, 400, 500}, 600),
                    RunOf({0, 100, 200, 300, 400, 500}, 600)};
  EXPECT_EQ(First().state, State::kPass);
}

TEST_F(JudgeTest, GrowthThatCannotBeToldIsInconclusive) {
  Add("descriptors").growth = 0;
  GrowthRun run;
  run.trouble = "it ran for 0.1 s: too short to be sampled";
  now_.workloads[0].metrics["descriptors"].growth = {run, run};
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kInconclusive);
  EXPECT_NE(bound.why.find("too short"), std::string::npos);
}

TEST_F(JudgeTest, NoisyGrowthNeedsMostProcesses) {
  Add("rss").growth = 0;
  std::vector<double> rising;
  std::vector<double> flat;
  for (int i = 0; i < 15; ++i) {
    rising.push_back((100 + i) * kMiB);
    flat.push_back(100 * kMiB);
  }
  MetricSamples& samples = now_.workloads[0].metrics["rss"];
  samples.growth = {RunOf(rising, 1000), RunOf(rising, 1000), RunOf(rising, 1000)};
  const BoundResult bound = First();
  EXPECT_EQ(bound.state, State::kRegress);
  EXPECT_NEAR(*bound.candidate_median, 15 * kMiB / 1000, 0.1 * kMiB / 1000);
  samples.growth = {RunOf(rising, 1000), RunOf(rising, 1000), RunOf(flat, 1000), RunOf(flat, 1000)};
  EXPECT_EQ(First().state, State::kPass);
}

TEST_F(JudgeTest, ForecastCountsTheOperationsUntilTheLimit) {
  Budget& budget = Add("heap_live");
  budget.until_limit = 100'000;
  plan_.workloads[0].memory_limit = 200 * kMiB;
  MetricSamples& samples = now_.workloads[0].metrics["heap_live"];
  samples.levels = {100 * kMiB, 100 * kMiB};
  const GrowthRun growing = RunOf({0, 1000, 2000, 3000, 4000, 5000}, 6);  // 1000 B per operation
  samples.growth = {growing, growing};
  EXPECT_EQ(First().state, State::kPass);  // 104857 operations fit
  EXPECT_NE(First().why.find("after 104,858 operations"), std::string::npos) << First().why;
  plan_.workloads[0].budgets[0].until_limit = 110'000;
  EXPECT_EQ(First().state, State::kRegress);
  samples.growth = {RunOf({1, 1, 1, 1, 1, 1}, 6), RunOf({1, 1, 1, 1, 1, 1}, 6)};
  EXPECT_EQ(First().state, State::kPass);
  EXPECT_EQ(First().why, "it does not grow");
}

TEST_F(JudgeTest, KillAtTheLimitIsARegression) {
  Add("rss_peak").limit = 1;
  plan_.workloads[0].memory_limit = 64 * kMiB;
  now_.workloads[0].oom_kills = 7;
  const GateResult result = Result();
  EXPECT_EQ(result.state, State::kRegress);
  ASSERT_EQ(result.workloads[0].bounds.size(), 1u);
  EXPECT_EQ(result.workloads[0].bounds[0].bound, Bound::kKilled);
  EXPECT_NE(result.workloads[0].bounds[0].why.find("memory_limit of 64.0 MiB"), std::string::npos);
}

StackSample Stack(const char* function, int line, double bytes) {
  StackSample sample;
  sample.frames = {{function, "app", "app.py", line, model::Language::kPython}};
  sample.bytes = bytes;
  sample.blocks = 1;
  return sample;
}

TEST_F(JudgeTest, RegressionNamesTheStacksThatHoldMore) {
  Add("heap_peak").increase = 0;
  Set("heap_peak", {1000}, {5000});
  before_.workloads[0].peak = {Stack("same", 1, 700), Stack("grew", 10, 300)};
  now_.workloads[0].peak = {Stack("grew", 12, 4000), Stack("same", 1, 700), Stack("new", 5, 300)};
  const BoundResult bound = First();
  ASSERT_EQ(bound.stacks.size(), 2u);
  EXPECT_EQ(bound.stacks[0].frames[0].function, "grew");
  EXPECT_EQ(bound.stacks[0].frames[0].line, 12);
  EXPECT_EQ(bound.stacks[0].bytes, 3700);
  EXPECT_EQ(bound.stacks[1].frames[0].function, "new");
}

}  // namespace
}  // namespace memwhy::gate
