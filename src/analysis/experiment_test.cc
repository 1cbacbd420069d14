// SPDX-License-Identifier: Apache-2.0
#include "analysis/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/finding.h"

namespace memwhy::analysis {
namespace {

constexpr Bytes kMebibyte = 1 << 20;
constexpr std::uint32_t kPid = 4711;

Finding Of(Kind kind, Bytes stake) {
  Finding finding;
  finding.kind = kind;
  finding.severity = Severity::kHigh;
  finding.bytes_at_stake = stake;
  finding.processes = {{kPid, 1.0, stake}};
  return finding;
}

Experiment Gave(const char* what, Bytes in_use, Bytes rss) {
  Experiment one;
  one.what = what;
  one.pid = kPid;
  one.rss_before = 200 * kMebibyte;
  one.rss_after = 200 * kMebibyte - rss;
  one.changes = {{"native", "malloc in use", 100 * kMebibyte, 100 * kMebibyte - in_use,
                  model::ShareKind::kMallocInUse},
                 {"native", "malloc retained", 10 * kMebibyte, 10 * kMebibyte + in_use - rss,
                  model::ShareKind::kMallocRetained}};
  return one;
}

Outcome OnlyOutcome(const Verdict& verdict) {
  EXPECT_EQ(verdict.findings.front().outcomes.size(), 1u);
  return verdict.findings.front().outcomes.empty() ? Outcome{}
                                                   : verdict.findings.front().outcomes.front();
}

Outcome Join(Finding finding, Experiment experiment) {
  Verdict verdict;
  verdict.findings = {std::move(finding)};
  verdict.experiments = {std::move(experiment)};
  JoinExperiments(&verdict);
  return OnlyOutcome(verdict);
}

TEST(ExperimentTest, GarbageIsConfirmedByWhatACollectionReleases) {
  const Outcome outcome =
      Join(Of(Kind::kCollectableCycleDebt, 40 * kMebibyte), Gave("gc", 38 * kMebibyte, 0));
  EXPECT_EQ(outcome.result, OutcomeResult::kConfirmed);
  EXPECT_EQ(outcome.says, "gc.collect() gave back 38.0 MiB, predicted 40.0 MiB");
}

TEST(ExperimentTest, GarbageThatACollectionDoesNotReleaseIsContradicted) {
  const Outcome outcome = Join(Of(Kind::kCollectableCycleDebt, 40 * kMebibyte), Gave("gc", 0, 0));
  EXPECT_EQ(outcome.result, OutcomeResult::kContradicted);
}

TEST(ExperimentTest, ACollectorThatCameByItselfContradictsNothing) {
  Experiment late = Gave("gc", 0, 0);
  late.gone_before = 39 * kMebibyte;
  const Outcome outcome = Join(Of(Kind::kCollectableCycleDebt, 40 * kMebibyte), late);
  EXPECT_EQ(outcome.result, OutcomeResult::kOpen);
  EXPECT_THAT(outcome.says, ::testing::HasSubstr("39.0 MiB went before it"));
}

TEST(ExperimentTest, APartOfItDecidesNothing) {
  EXPECT_EQ(
      Join(Of(Kind::kCollectableCycleDebt, 40 * kMebibyte), Gave("gc", 10 * kMebibyte, 0)).result,
      OutcomeResult::kOpen);
  EXPECT_EQ(Join(Of(Kind::kLeakedReference, 40 * kMebibyte), Gave("gc", 10 * kMebibyte, 0)).result,
            OutcomeResult::kOpen);
}

TEST(ExperimentTest, WhatIsHeldStaysWhenTheCollectorRuns) {
  EXPECT_EQ(Join(Of(Kind::kUnboundedContainer, 40 * kMebibyte), Gave("gc", kMebibyte, 0)).result,
            OutcomeResult::kConfirmed);
  EXPECT_EQ(
      Join(Of(Kind::kUnboundedContainer, 40 * kMebibyte), Gave("gc", 39 * kMebibyte, 0)).result,
      OutcomeResult::kContradicted);
}

TEST(ExperimentTest, GarbageOfAnotherFindingContradictsNothing) {
  Verdict verdict;
  verdict.findings = {Of(Kind::kUnboundedContainer, 40 * kMebibyte),
                      Of(Kind::kCollectableCycleDebt, 40 * kMebibyte)};
  verdict.experiments = {Gave("gc", 39 * kMebibyte, 0)};
  JoinExperiments(&verdict);
  EXPECT_EQ(OnlyOutcome(verdict).result, OutcomeResult::kOpen);
}

TEST(ExperimentTest, RetentionIsConfirmedByRssThatATrimGivesBack) {
  EXPECT_EQ(
      Join(Of(Kind::kAllocatorRetention, 40 * kMebibyte), Gave("trim", 0, 30 * kMebibyte)).result,
      OutcomeResult::kConfirmed);
  EXPECT_EQ(
      Join(Of(Kind::kAllocatorRetention, 40 * kMebibyte), Gave("trim", 30 * kMebibyte, 0)).result,
      OutcomeResult::kContradicted);
}

TEST(ExperimentTest, SaysNothingOfOtherProcessesAndOfWhatWasNotDone) {
  Verdict verdict;
  verdict.findings = {Of(Kind::kUnboundedContainer, kMebibyte)};
  Experiment of_another = Gave("gc", 0, 0);
  of_another.pid = 1;
  Experiment failed = Gave("gc", 0, 0);
  failed.error = "over the limit";
  Experiment unmeasured = Gave("gc", 0, 0);
  unmeasured.rss_after.reset();
  verdict.experiments = {of_another, failed, unmeasured, Gave("trim", 0, kMebibyte)};
  JoinExperiments(&verdict);
  EXPECT_TRUE(verdict.findings.front().outcomes.empty());
}

TEST(ExperimentTest, SaysWhyAFindingIsNotConfirmed) {
  Verdict verdict;
  verdict.findings = {Of(Kind::kUnboundedContainer, kMebibyte)};
  SayWhyUnconfirmed(&verdict);
  EXPECT_THAT(OnlyOutcome(verdict).says, ::testing::HasSubstr("finalizers"));

  verdict.findings = {Of(Kind::kLeakedReference, kMebibyte)};
  Experiment failed = Gave("gc", 0, 0);
  failed.error = "over the limit";
  verdict.experiments = {failed};
  SayWhyUnconfirmed(&verdict);
  EXPECT_EQ(OnlyOutcome(verdict).says, "not confirmed: gc was not done: over the limit");
}

TEST(ExperimentTest, ConfirmedFindingsNeedNoReason) {
  Verdict verdict;
  verdict.findings = {Of(Kind::kLeakedReference, 40 * kMebibyte)};
  verdict.experiments = {Gave("gc", 0, 0)};
  JoinExperiments(&verdict);
  SayWhyUnconfirmed(&verdict);
  EXPECT_EQ(OnlyOutcome(verdict).result, OutcomeResult::kConfirmed);
}

}  // namespace
}  // namespace memwhy::analysis
