// SPDX-License-Identifier: Apache-2.0
//
// What the verdict says of survivors that nobody holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/fake_case.h"
#include "analysis/verdict.h"

namespace memwhy::analysis {
namespace {

using testing::HasSubstr;

constexpr Bytes kLostPerBin = 3 * FakeCase::kMiB;

Loss LostReferences(const std::string& type, ReferenceProof proof = ReferenceProof::kScanned) {
  Loss loss;
  loss.kind = LossKind::kReference;
  loss.type = type;
  loss.proof = proof;
  loss.count = 4000;
  loss.references = 4000;
  return loss;
}

Loss Cycles(CycleWhy why, std::uint64_t bytes = 0) {
  Loss loss;
  loss.kind = LossKind::kCycle;
  loss.type = "app.Client";
  loss.types = {"app.Client", "ssl.SSLContext", "dict"};
  loss.why = why;
  loss.count = 300;
  loss.bytes = bytes;
  return loss;
}

TEST(VerdictOfLossesTest, LostReferencesAreBlamedOnTheCallOfCCode) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:load:26", "/srv/app.py:handle:30"});
  one.Leak(stack, kLostPerBin);
  one.Loses(stack, LostReferences("bytes"));
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  const Finding& finding = verdict.findings.at(0);
  EXPECT_EQ(finding.id, "ext.leaked_reference");
  EXPECT_EQ(finding.kind, Kind::kLeakedReference);
  EXPECT_EQ(finding.layer, Layer::kExtension);
  EXPECT_EQ(finding.confidence, Confidence::kProven);
  EXPECT_EQ(finding.what.type, "bytes");
  EXPECT_EQ(finding.what.count, 3990u);
  EXPECT_NEAR(*finding.what.references_per_operation, 3990 / 40.0 / 100, 1e-9);
  EXPECT_EQ(finding.who_allocated->line, 26);
  EXPECT_EQ(finding.who_holds->root, "unexplained");
  EXPECT_THAT(finding.title, HasSubstr("loses references to bytes"));
}

TEST(VerdictOfLossesTest, OneCallThatLosesTwoTypesIsOneFinding) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:load:26", "/srv/app.py:handle:30"});
  one.Leak(stack, kLostPerBin);
  one.Loses(stack, LostReferences("bytes"));
  one.LosesType(LostReferences("tuple"), 4 * 1024 * 1024);           // as many, nobody knows whose
  one.LosesType(LostReferences("app.Row"), 4 * 1024 * 1024, stack);  // of the same line
  const Verdict verdict = one.Judge();
  EXPECT_EQ(
      std::count_if(verdict.findings.begin(), verdict.findings.end(),
                    [](const Finding& finding) { return finding.id == "ext.leaked_reference"; }),
      1);
}

TEST(VerdictOfLossesTest, PointersThatCCodeMayHaveAreNotCalledLost) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:load:26"});
  one.Leak(stack, kLostPerBin);
  one.Loses(stack, LostReferences("bytes", ReferenceProof::kPossible));
  EXPECT_EQ(one.Judge().findings.at(0).id, "site.unreleased_growth");
}

TEST(VerdictOfLossesTest, ALossThatDoesNotGoOnIsNotBlamed) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:load:26"});
  one.Leak(stack, kLostPerBin);
  one.Loses(stack, LostReferences("bytes"), 4000);
  EXPECT_EQ(one.Judge().findings.at(0).id, "site.unreleased_growth");
}

TEST(VerdictOfLossesTest, SmallObjectsThatAreLostNameTheLineThatMadeThem) {
  FakeCase one;
  const model::StackId maker = one.Stack({"/srv/app.py:load:26"});
  one.LosesType(LostReferences("tuple"), 4 * 1024 * 1024, maker);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "ext.leaked_reference");
  EXPECT_EQ(finding.bytes_layer, Layer::kInterpreter);
  EXPECT_EQ(finding.who_allocated->line, 26);
}

TEST(VerdictOfLossesTest, CyclesThatTheCollectorCannotSeeAreUncollectable) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:connect:12"});
  one.Leak(stack, kLostPerBin);
  Loss loss = Cycles(CycleWhy::kNative);
  loss.closed_by = "hiredis.Reader";
  one.Loses(stack, loss);
  const Finding finding = one.Judge().findings.at(0);
  EXPECT_EQ(finding.id, "ext.cycle_through_native");
  EXPECT_EQ(finding.kind, Kind::kUncollectableCycle);
  EXPECT_EQ(finding.layer, Layer::kExtension);
  EXPECT_TRUE(finding.who_holds->invisible_to_gc);
  EXPECT_THAT(finding.title, HasSubstr("hiredis.Reader"));
}

TEST(VerdictOfLossesTest, CyclesThatWaitAreADebt) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/app.py:connect:12"});
  one.Leak(stack, kLostPerBin);
  one.Loses(stack, Cycles(CycleWhy::kThreshold));
  EXPECT_EQ(one.Judge().findings.at(0).kind, Kind::kCollectableCycleDebt);
  one.holders.losses[0].loss.why = CycleWhy::kDisabled;
  EXPECT_EQ(one.Judge().findings.at(0).id, "py.gc_disabled_or_starved");
}

TEST(VerdictOfLossesTest, ALargeDebtIsSaidWithoutGrowth) {
  FakeCase one;
  one.holders.losses.push_back({Cycles(CycleWhy::kThreshold, 60 * FakeCase::kMiB), 250});
  const Verdict verdict = one.Judge();
  EXPECT_EQ(verdict.word, VerdictWord::kBloated);
  EXPECT_EQ(verdict.findings.at(0).id, "py.cycle_delay");
  EXPECT_EQ(ExitCode(verdict), 1);
  one.holders.losses[0].loss.bytes = 2 * FakeCase::kMiB;
  EXPECT_TRUE(one.Judge().findings.empty());
}

}  // namespace
}  // namespace memwhy::analysis
