// SPDX-License-Identifier: Apache-2.0
#include "gate/plan/plan.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::gate {
namespace {

constexpr const char* kHead = "workloads:\n  - name: a\n    command: [python3, a.py]\n";
constexpr const char* kWhole = R"(version: 1
baseline: base/line.json
ignore: [kernel]
defaults:
  repeats: 9
  environment: {A: "1", B: two}
workloads:
  - name: serve
    command: [python3, serve.py, --once]
    directory: /srv
    environment:
      B: three
    mark: request
    warm_up: 100
    operations: 1000
    timeout: 5m
    budgets:
      - metric: rss_peak
        limit: 200 MiB
        increase: [5 %, 10 MiB]
      - {metric: python_blocks, growth: 0.5}
)";

std::string ErrorOf(const std::string& text) {
  const auto plan = ParsePlan("gate.yaml", text);
  return plan ? "no error" : plan.error().message();
}

// What the budget of a workload that is well otherwise gives.
std::string BudgetError(const std::string& budget) {
  return ErrorOf(kHead + std::string("    budgets:\n      - ") + budget + "\n");
}

TEST(PlanTest, WholeFileIsUnderstood) {
  const auto plan = ParsePlan("/repo/memwhy.yaml", kWhole);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->baseline, "/repo/base/line.json");
  EXPECT_EQ(plan->ignored, std::vector<std::string>{"kernel"});
  ASSERT_EQ(plan->workloads.size(), 1u);
  const Workload& workload = plan->workloads[0];
  EXPECT_EQ(workload.command, (std::vector<std::string>{"python3", "serve.py", "--once"}));
  EXPECT_EQ(workload.directory, "/srv");
  EXPECT_EQ(workload.repeats, 9);
  EXPECT_EQ(workload.warm_up, 100);
  EXPECT_EQ(workload.operations, 1000);
  EXPECT_EQ(workload.timeout_s, 300);
  const std::vector<std::pair<std::string, std::string>> variables = {{"A", "1"}, {"B", "three"}};
  EXPECT_EQ(workload.environment, variables);
  ASSERT_EQ(workload.budgets.size(), 2u);
  EXPECT_EQ(workload.budgets[0].limit, 200.0 * 1024 * 1024);
  EXPECT_EQ(workload.budgets[0].increase, 10.0 * 1024 * 1024);
  EXPECT_EQ(workload.budgets[0].increase_percent, 5);
  EXPECT_EQ(workload.budgets[1].growth, 0.5);
  EXPECT_TRUE(workload.needs(RunKind::kPlain));
  EXPECT_TRUE(workload.needs(RunKind::kObjects));
  EXPECT_FALSE(workload.needs(RunKind::kRecorded));
  EXPECT_TRUE(workload.needs_baseline());
}

TEST(PlanTest, ErrorsHaveLineAndColumn) {
  EXPECT_EQ(ErrorOf("version: 1\nworkload: []\n"),
            "gate.yaml:2:1: the file has no key \"workload\"; it knows version, baseline, ignore, "
            "defaults, workloads");
  EXPECT_EQ(BudgetError("{metric: rss_peek, limit: 1}").substr(0, 52),
            "gate.yaml:5:18: there is no metric \"rss_peek\"; there");
  EXPECT_EQ(BudgetError("{metric: rss, limit: ten}"),
            "gate.yaml:5:30: limit must be a size (\"10 MiB\", 4096), not \"ten\"");
  EXPECT_EQ(BudgetError("{metric: rss, limit: 1, limit: 2}"),
            "gate.yaml:5:33: the key \"limit\" stands here twice");
  EXPECT_EQ(BudgetError("{metric: rss}"),
            "gate.yaml:5:9: the budget of rss bounds nothing: give it limit, increase or growth");
}

TEST(PlanTest, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_EQ(ErrorOf("workloads:\n  - name: [a\n").substr(0, 10), "gate.yaml:");
  EXPECT_EQ(ErrorOf("a: 1\n\tb: 2\n").substr(0, 12), "gate.yaml:2:");
}

TEST(PlanTest, MetricThatIsNotMeasuredYetSaysSo) {
  EXPECT_NE(BudgetError("{metric: objects, growth: 0}").find("not measured yet"),
            std::string::npos);
}

TEST(PlanTest, WhatCannotBeJudgedIsRefused) {
  EXPECT_NE(BudgetError("{metric: rss_peak, growth: 0}").find("has no growth"), std::string::npos);
  EXPECT_NE(BudgetError("{metric: rss, growth: 0}").find("needs the number of operations"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: rss, increase: -5 %}").find("must be a percentage"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: rss, increase: [1 %, 2 %]}").find("two percentages"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: threads, limit: 1 MiB}").find("must be a number"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: rss, limit: 1}\n      - {metric: rss, limit: 2}")
                .find("has a budget already"),
            std::string::npos);
}

TEST(PlanTest, LimitOfTheDeploymentBoundsALevelAndAForecast) {
  const std::string head = std::string(kHead) + "    memory_limit: 200 MiB\n    operations: 10\n";
  const auto plan = ParsePlan(
      "gate.yaml", head + "    budgets: [{metric: rss, limit: 85 %, until_limit: 1000000}]\n");
  ASSERT_TRUE(plan) << plan.error().message();
  const Budget& budget = plan->workloads[0].budgets[0];
  EXPECT_EQ(budget.limit, 170.0 * 1024 * 1024);
  EXPECT_EQ(budget.until_limit, 1e6);
  EXPECT_NE(BudgetError("{metric: rss, limit: 85 %}").find("needs the memory_limit"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: cgroup_peak, limit: 1 GiB}").find("needs the memory_limit"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: threads, limit: 85 %}").find("metric in bytes"),
            std::string::npos);
  EXPECT_NE(BudgetError("{metric: rss_peak, until_limit: 5}").find("no growth in bytes"),
            std::string::npos);
  EXPECT_NE(ErrorOf(std::string(kHead) + "    memory_limit: 1\n").find("1 MiB or more"),
            std::string::npos);
}

TEST(PlanTest, WorkloadsAreWhole) {
  EXPECT_NE(ErrorOf("workloads:\n  - command: [a]\n").find("needs a name"), std::string::npos);
  EXPECT_NE(ErrorOf("workloads:\n  - name: a\n").find("needs a command"), std::string::npos);
  EXPECT_NE(ErrorOf(kHead).find("has no budgets"), std::string::npos);
  EXPECT_NE(ErrorOf("workloads:\n  - name: a\n    command: a b\n").find("list of words"),
            std::string::npos);
  EXPECT_NE(ErrorOf("workloads: []\n").find("must be a list"), std::string::npos);
  EXPECT_NE(ErrorOf("version: 2\n").find("version 1 only"), std::string::npos);
  EXPECT_NE(ErrorOf("").find("holds 0 documents"), std::string::npos);
  EXPECT_NE(ErrorOf("ignore: [wind]\n").find("no part \"wind\""), std::string::npos);
}

TEST(PlanTest, TwoWorkloadsOfOneNameAreRefused) {
  const std::string budgets = "    budgets: [{metric: rss, limit: 1}]\n";
  const std::string twice =
      std::string(kHead) + budgets + "  - name: a\n    command: [b]\n" + budgets;
  EXPECT_EQ(ErrorOf(twice), "gate.yaml:5:5: there are two workloads \"a\"");
}

TEST(PlanTest, ControlCharactersOfTheFileStayText) {
  const std::string error = ErrorOf("\"a\\e[31mb\": 1\n");
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_NE(error.find("\\x1b[31m"), std::string::npos);
}

TEST(PlanTest, DamageAtEveryByteIsAnErrorOrAPlan) {
  const std::string whole = kWhole;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'\0', '\n', '[', '{', '"', '&', '*', '\xff'}) {
      std::string text = whole;
      text[at] = c;
      static_cast<void>(ParsePlan("gate.yaml", text).has_value());
    }
    static_cast<void>(ParsePlan("gate.yaml", whole.substr(0, at)).has_value());
  }
  const std::string deep(20000, '[');
  EXPECT_NE(ErrorOf(deep), "no error");
}

}  // namespace
}  // namespace memwhy::gate
