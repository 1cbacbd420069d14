// SPDX-License-Identifier: Apache-2.0
#include "analysis/prediction_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memwhy::analysis {
namespace {

Finding Grows(const char* holder, double per_second) {
  Finding finding;
  finding.id = "py.container_growth";
  finding.severity = Severity::kHigh;
  finding.growth_bytes_per_second = per_second;
  finding.who_holds.emplace().holder = holder;
  return finding;
}

Verdict Of(std::vector<Finding> findings, VerdictWord word = VerdictWord::kGrowing) {
  Verdict verdict;
  verdict.word = word;
  verdict.findings = std::move(findings);
  return verdict;
}

PredictionCheck Only(const Verdict& verdict, const Verdict& later) {
  const auto checks = CheckPredictions(verdict, later);
  EXPECT_EQ(checks.size(), 1u);
  return checks.empty() ? PredictionCheck{} : checks.front();
}

TEST(PredictionCheckTest, AGrowthThatGoesOnAsPredictedHolds) {
  const auto check = Only(Of({Grows("app.CACHE", 1000)}), Of({Grows("app.CACHE", 1400)}));
  EXPECT_EQ(check.result, PredictionResult::kHeld);
  EXPECT_EQ(check.unit, "bytes/second");
  EXPECT_EQ(check.measured, 1400);
  EXPECT_EQ(ExitCode({check}), 0);
}

TEST(PredictionCheckTest, AnotherRateDoesNot) {
  const Verdict verdict = Of({Grows("app.CACHE", 1000)});
  EXPECT_EQ(Only(verdict, Of({Grows("app.CACHE", 2100)})).result, PredictionResult::kMore);
  const auto less = Only(verdict, Of({Grows("app.CACHE", 400)}));
  EXPECT_EQ(less.result, PredictionResult::kLess);
  EXPECT_EQ(ExitCode({less}), 1);
}

TEST(PredictionCheckTest, OperationsAreComparedWhereBothCountThem) {
  Finding before = Grows("app.CACHE", 1000);
  before.growth_bytes_per_operation = 100;
  Finding after = Grows("app.CACHE", 5000);
  after.growth_bytes_per_operation = 110;
  const auto check = Only(Of({before}), Of({after}));
  EXPECT_EQ(check.result, PredictionResult::kHeld);
  EXPECT_EQ(check.unit, "bytes/operation");
}

TEST(PredictionCheckTest, WhatIsNotThereAnyMoreIsGone) {
  const Verdict verdict = Of({Grows("app.CACHE", 1000)});
  const auto check = Only(verdict, Of({Grows("app.OTHER", 1000)}));
  EXPECT_EQ(check.result, PredictionResult::kGone);
  EXPECT_EQ(check.measured, std::nullopt);
  EXPECT_EQ(Only(verdict, Of({}, VerdictWord::kStable)).result, PredictionResult::kGone);
}

TEST(PredictionCheckTest, AnInconclusiveRecordingTellsNothing) {
  const auto check = Only(Of({Grows("app.CACHE", 1000)}), Of({}, VerdictWord::kInconclusive));
  EXPECT_EQ(check.result, PredictionResult::kUnknown);
  EXPECT_EQ(ExitCode({check}), 4);
}

TEST(PredictionCheckTest, WithoutAHolderTheLineTells) {
  Finding before = Grows("", 1000);
  before.who_holds.reset();
  before.who_allocated.emplace();
  before.who_allocated->file = "app.py";
  before.who_allocated->line = 7;
  Finding after = before;
  EXPECT_EQ(Only(Of({before}), Of({after})).result, PredictionResult::kHeld);
  after.who_allocated->line = 8;
  EXPECT_EQ(Only(Of({before}), Of({after})).result, PredictionResult::kGone);
}

TEST(PredictionCheckTest, WhatBlamesNobodyPredictsNothing) {
  Finding info = Grows("app.CACHE", 1000);
  info.severity = Severity::kInfo;
  EXPECT_TRUE(CheckPredictions(Of({info}), Of({info})).empty());
  EXPECT_EQ(ExitCode(std::vector<PredictionCheck>()), 4);
}

}  // namespace
}  // namespace memwhy::analysis
