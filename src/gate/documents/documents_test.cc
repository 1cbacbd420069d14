// SPDX-License-Identifier: Apache-2.0
//
// Names of workloads and stacks come from others: in every document they stay text.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "gate/documents/change_graph.h"
#include "gate/documents/gate_code.h"
#include "gate/documents/gate_html.h"
#include "gate/documents/gate_json.h"
#include "gate/documents/gate_junit.h"
#include "gate/documents/gate_markdown.h"
#include "gate/documents/gate_text.h"
#include "gate/documents/measurement_json.h"

namespace memwhy::gate {
namespace {

const std::string kHostile =
    "</script><img src=x onerror=alert(1)>&\"'|`*_[a](javascript:b)@all #1 "
    "::error file=x::y\r\n\x1b[31m\xe2\x80\xae\xff\xef\xbf\xbf%0A";

StackSample HostileStack() {
  StackSample stack;
  stack.frames = {{kHostile, kHostile, kHostile, 7, model::Language::kPython}};
  stack.bytes = 4096;
  stack.blocks = 2;
  return stack;
}

GateResult HostileResult() {
  BoundResult bound;
  bound.metric = FindMetric("heap_peak");
  bound.bound = Bound::kIncrease;
  bound.state = State::kRegress;
  bound.baseline = {1000, 1000};
  bound.candidate = {2000, 2000};
  bound.baseline_median = 1000;
  bound.candidate_median = 2000;
  bound.delta = 1000;
  bound.percent = 100;
  bound.allowed = 10;
  bound.why = kHostile;
  bound.stacks = {HostileStack()};
  GateResult result;
  result.state = State::kRegress;
  result.plan = kHostile;
  result.made = "2026-12-01T12:00:00Z";
  result.baseline = kHostile;
  result.baseline_reason = kHostile;
  result.fingerprint["kernel"] = kHostile;
  WorkloadResult& workload = result.workloads.emplace_back();
  workload.name = kHostile;
  workload.state = State::kRegress;
  workload.differences = {kHostile};
  workload.bounds = {bound};
  bound.state = State::kInconclusive;
  workload.bounds.push_back(bound);
  workload.peak = {{HostileStack(), 1000, 5096}};
  return result;
}

// No control character, no mark of direction, no byte that is no UTF-8.
void ExpectText(const std::string& document) {
  for (const char* bad : {"\x1b", "\r", "\xe2\x80\xae", "\xff"}) {
    EXPECT_EQ(document.find(bad), std::string::npos);
  }
}

TEST(DocumentsTest, TextFitsATerminal) {
  const std::string text = GateText(HostileResult());
  ExpectText(text);
  EXPECT_EQ(text.rfind("REGRESS: 1 of 2 budgets are broken\n", 0), 0u);
}

TEST(DocumentsTest, PageHasNoScriptAndNoMarkupOfNames) {
  const std::string page = GateHtml(HostileResult());
  ExpectText(page);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("http"), page.find("http-equiv"));
  EXPECT_NE(page.find("&lt;img src=x"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
}

TEST(DocumentsTest, MarkdownHasNoMarkupOfNames) {
  const std::string text = GateMarkdown(HostileResult());
  ExpectText(text);
  for (const char* bad : {"<img", "](", "@all", " #1", "`"}) {
    EXPECT_EQ(text.find(bad), std::string::npos) << bad;
  }
}

TEST(DocumentsTest, LongMarkdownIsCutBySections) {
  GateResult result = HostileResult();
  for (int i = 0; i < 100; ++i) result.workloads.push_back(result.workloads[0]);
  const std::string text = GateMarkdown(result);
  EXPECT_LE(text.size(), 60000u);
  EXPECT_NE(text.find("workloads are left out"), std::string::npos);
}

TEST(DocumentsTest, JunitIsXml) {
  const std::string xml = GateJunit(HostileResult());
  ExpectText(xml);
  EXPECT_EQ(xml.find("<img"), std::string::npos);
  EXPECT_EQ(xml.find("\xef\xbf\xbf"), std::string::npos);
  EXPECT_NE(xml.find("tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""), std::string::npos);
}

TEST(DocumentsTest, AnnotationsAreOneLineEach) {
  const std::string text = GateAnnotations(HostileResult());
  ExpectText(text);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.rfind("::error file=", 0), 0u);
}

TEST(DocumentsTest, SarifAndCodeQualityReadBack) {
  const auto sarif = nlohmann::json::parse(GateSarif(HostileResult()));
  EXPECT_EQ(sarif["version"], "2.1.0");
  EXPECT_EQ(sarif["runs"][0]["results"].size(), 2u);
  EXPECT_EQ(sarif["runs"][0]["results"][0]["level"], "error");
  const auto issues = nlohmann::json::parse(GateCodeQuality(HostileResult()));
  ASSERT_EQ(issues.size(), 2u);
  EXPECT_EQ(issues[0]["severity"], "major");
  EXPECT_EQ(issues[0]["fingerprint"].get<std::string>().size(), 64u);
}

TEST(DocumentsTest, LineIsTheInnermostOfTheProgramItself) {
  GateResult result = HostileResult();
  StackSample& stack = result.workloads[0].bounds[0].stacks[0];
  stack.frames = {{"array", "numpy", "/usr/lib/numpy/core.py", 3, model::Language::kPython},
                  {"load", "app", "app.py", 12, model::Language::kPython},
                  {"main", "app", "main.py", 90, model::Language::kPython}};
  const auto issues = nlohmann::json::parse(GateCodeQuality(result));
  EXPECT_EQ(issues[0]["location"]["path"], "app.py");
  EXPECT_EQ(issues[0]["location"]["lines"]["begin"], 12);
}

TEST(DocumentsTest, BaselineReadsBack) {
  Measurement measurement;
  measurement.made = "2026-12-01T12:00:00Z";
  measurement.reason = "first";
  measurement.fingerprint["kernel"] = "6";
  WorkloadSamples& workload = measurement.workloads.emplace_back();
  workload.name = "w";
  workload.fingerprint["python"] = "CPython 3.11.2";
  workload.metrics["rss"].levels = {1, 2.5, 3e12};
  workload.peak = {HostileStack()};
  workload.peak[0].frames[0].function = "plain";
  const auto read = ParseMeasurement("b.json", MeasurementText(measurement));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->reason, "first");
  EXPECT_EQ(read->fingerprint, measurement.fingerprint);
  EXPECT_EQ(read->workloads[0].metrics.at("rss").levels, workload.metrics["rss"].levels);
  EXPECT_EQ(read->workloads[0].peak[0].frames[0].function, "plain");
  EXPECT_EQ(read->workloads[0].peak[0].frames[0].line, 7);
}

TEST(DocumentsTest, DamagedBaselineIsAnError) {
  Measurement measurement;
  measurement.workloads.resize(1);
  measurement.workloads[0].metrics["rss"].levels = {1};
  const std::string whole = MeasurementText(measurement);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string text = whole;
    text[at] = '7';
    static_cast<void>(ParseMeasurement("b.json", text).has_value());
    if (at + 2 >= whole.size()) continue;
    EXPECT_FALSE(ParseMeasurement("b.json", whole.substr(0, at)));
  }
  EXPECT_FALSE(ParseMeasurement("b.json", R"({"schema": "memwhy.gate.baseline/2"})"));
  EXPECT_FALSE(ParseMeasurement(
      "b.json",
      R"({"schema": "memwhy.gate.baseline/1", "workloads": [{"metrics": {"a": ["x"]}}]})"));
}

TEST(DocumentsTest, WaterfallAddsUpAndGraphIsBounded) {
  std::vector<StackChange> changes;
  for (int i = 0; i < 3000; ++i) {
    StackChange change;
    for (int depth = 0; depth < 50; ++depth) {
      change.stack.frames.push_back(
          {"f" + std::to_string(i * 50 + depth), "m", "", 1, model::Language::kPython});
    }
    change.before = 1000;
    change.after = i % 2 == 0 ? 1500 : 900;
    change.stack.bytes = change.after - change.before;
    changes.push_back(change);
  }
  EXPECT_LE(ChangeGraphSvg(changes).size(), 210'000u);
  const std::string waterfall = WaterfallSvg(changes);
  EXPECT_NE(waterfall.find(">2.86 MiB<"), std::string::npos);
  EXPECT_NE(waterfall.find(">3.43 MiB<"), std::string::npos);
  EXPECT_EQ(WaterfallSvg({}), "");
  EXPECT_EQ(ChangeGraphSvg({}), "");
}

}  // namespace
}  // namespace memwhy::gate
