// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

constexpr const char* kTrace =
    "/v/site-packages/tensorflow/python/eager/polymorphic_function/tracing_compilation.py:"
    "trace_function:180";
constexpr const char* kLoad =
    "/v/site-packages/tensorflow/python/saved_model/load.py:load_partial:1043";
constexpr Bytes kTracedBytes = 2 * FakeCase::kMiB;

const Check& TensorFlowCheck(const Verdict& verdict) {
  return *std::find_if(verdict.checks.begin(), verdict.checks.end(),
                       [](const Check& check) { return check.id == "tf.functions"; });
}

HolderPath CacheOf(const std::string& function) {
  HolderPath holder = FakeCase::DictOf("app", function + "._function_cache._primary",
                                       "tensorflow.python.framework.func_graph.FuncGraph");
  holder.holder_type = "collections.OrderedDict";
  return holder;
}

TEST(TensorFlowRules, ARetraceNamesFunctionLineAndArgument) {
  FakeCase fake;
  const auto stack = fake.Stack({kTrace, "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  HolderPath holder = CacheOf("score");
  holder.retraced = RetracedArgument{{"temperature"}, 700, 700, true};
  fake.Holds(stack, holder);
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  const Finding& finding = verdict.findings.front();
  EXPECT_EQ(finding.id, "tf.retrace");
  EXPECT_EQ(finding.layer, Layer::kFramework);
  EXPECT_NE(finding.title.find("The tf.function app.score that app.handle (app.py:12) calls"),
            std::string::npos)
      << finding.title;
  EXPECT_NE(finding.fix.find("Pass temperature as a tensor"), std::string::npos);
  EXPECT_NE(finding.evidence.front().says.find("temperature: 700 distinct Python values"),
            std::string::npos);
  EXPECT_EQ(TensorFlowCheck(verdict).result, CheckResult::kFail);
}

TEST(TensorFlowRules, WithoutAHolderTheStackTells) {
  FakeCase fake;
  fake.Leak(fake.Stack({kTrace, "app.py:handle:12"}), kTracedBytes);
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "tf.retrace");
  EXPECT_EQ(verdict.findings.front().kind, Kind::kUnreleasedGrowth);
}

TEST(TensorFlowRules, LoadsAreARebuildLoop) {
  FakeCase fake;
  const auto stack = fake.Stack({kLoad, "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  fake.Holds(stack, FakeCase::DictOf("app", "MODELS", "AutoTrackable"));
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "tf.rebuild_loop");
  EXPECT_NE(verdict.findings.front().title.find("loads a model again and again, and app.MODELS"),
            std::string::npos)
      << verdict.findings.front().title;
  EXPECT_EQ(verdict.findings.front().next_step.command, "memwhy tf loads -- SCRIPT");
}

// The loads before the last one wait for the collector; a dict of one entry does not keep them.
TEST(TensorFlowRules, AHolderOfOneEntryIsNotBlamed) {
  FakeCase fake;
  const auto stack = fake.Stack({kLoad, "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  HolderPath holder = FakeCase::DictOf("app", "MODELS", "AutoTrackable");
  holder.holder_length = 1;
  fake.Holds(stack, holder);
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "tf.rebuild_loop");
  EXPECT_FALSE(verdict.findings.front().who_holds);
  EXPECT_EQ(verdict.findings.front().confidence, Confidence::kWeak);
}

TEST(TensorFlowRules, FunctionsThatTheProgramKeepsAreNoRetrace) {
  FakeCase fake;
  const auto stack = fake.Stack({kTrace, "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  fake.Holds(stack, FakeCase::DictOf("app", "FUNCTIONS", "Function"));
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "tf.rebuild_loop");
}

TEST(TensorFlowRules, TheGradientRegistryIsNamed) {
  FakeCase fake;
  const auto stack = fake.Stack({kTrace, "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  fake.Holds(stack, FakeCase::DictOf("tensorflow.python.framework.ops",
                                     "gradient_registry._registry", "FuncGraph"));
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "tf.functions_orphaned");
}

// A registry of that name in the program is not TensorFlow's.
TEST(TensorFlowRules, OtherContainersStayWithTheirRule) {
  FakeCase fake;
  const auto stack = fake.Stack({"app.py:keep:9", "app.py:handle:12"});
  fake.Leak(stack, kTracedBytes);
  fake.Holds(stack, FakeCase::DictOf("app", "gradient_registry", "bytes"));
  const Verdict verdict = fake.Judge();
  ASSERT_FALSE(verdict.findings.empty());
  EXPECT_EQ(verdict.findings.front().id, "py.container_growth");
  EXPECT_EQ(TensorFlowCheck(verdict).result, CheckResult::kNotApplicable);
}

TEST(TensorFlowRules, ATensorFlowThatOnlyWarmsUpIsNotBlamed) {
  FakeCase fake;
  fake.FillsUp(fake.Stack({kTrace, "app.py:handle:12"}), kTracedBytes, 3);
  const Verdict verdict = fake.Judge();
  EXPECT_FALSE(HasBlame(verdict));
  EXPECT_EQ(TensorFlowCheck(verdict).result, CheckResult::kPass);
}

}  // namespace
}  // namespace memwhy::analysis
