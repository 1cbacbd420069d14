// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/findings_json.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "analysis/fake_case.h"

namespace memwhy::report {
namespace {

using analysis::FakeCase;

Json GrowingDocument() {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/model.py:encode:27", "/srv/app.py:score:44"});
  one.Leak(stack, 3 * FakeCase::kMiB);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  one.ledgers.push_back(
      {"rss", "end", 60, 300, {{"python", "pymalloc in use", 200, 200}}, 100, ""});
  return FindingsJson(one.recording, one.Judge(), one.ledgers);
}

std::set<std::string> Keys(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

void ExpectKeys(const Json& object, const std::set<std::string>& wanted) {
  const std::set<std::string> keys = Keys(object);
  for (const std::string& key : wanted) EXPECT_TRUE(keys.contains(key)) << key;
}

TEST(FindingsJsonTest, HasEveryFieldOfTheSchema) {
  const Json document = GrowingDocument();
  EXPECT_EQ(document["schema"], "memwhy.findings/1");
  ExpectKeys(document, {"session", "verdict", "summary", "ledgers", "findings", "checks"});
  ExpectKeys(document["session"], {"target", "pid", "python", "started", "seconds", "mode",
                                   "exit_status", "lost_events", "complete", "cost", "operations"});
  ASSERT_EQ(document["findings"].size(), 1u);
  const Json& finding = document["findings"][0];
  ExpectKeys(finding, {"id", "title", "layer", "bytes_layer", "kind", "severity", "confidence",
                       "bytes_at_stake", "growth_bytes_per_second", "growth_bytes_per_operation",
                       "share_of_growth", "what", "who_allocated", "who_holds", "evidence",
                       "would_disprove", "prediction", "next_step", "fix"});
  ExpectKeys(finding["what"], {"type", "count", "references_per_operation"});
  ExpectKeys(finding["who_allocated"],
             {"module", "callable", "native_function", "native_library", "file", "line", "stack"});
  ExpectKeys(finding["who_holds"], {"path", "root", "invisible_to_gc"});
  ExpectKeys(finding["evidence"][0], {"says", "value", "unit", "source"});
  ExpectKeys(finding["next_step"], {"command", "why"});
  ExpectKeys(document["checks"][0], {"id", "result", "why"});
}

TEST(FindingsJsonTest, SaysWhatTheVerdictSays) {
  const Json document = GrowingDocument();
  const Json& finding = document["findings"][0];
  EXPECT_EQ(document["verdict"], "growing");
  EXPECT_EQ(finding["kind"], "unbounded_container");
  EXPECT_EQ(finding["who_allocated"]["callable"], "model.encode");
  EXPECT_EQ(finding["who_allocated"]["line"], 27);
  EXPECT_EQ(finding["who_allocated"]["stack"][1]["function"], "score");
  EXPECT_EQ(finding["who_holds"]["path"][1], ".FEATURES");
  EXPECT_TRUE(finding["bytes_at_stake"].is_number_integer());
  EXPECT_TRUE(finding["growth_bytes_per_second"].is_number_integer());
  EXPECT_GT(finding["growth_bytes_per_operation"].get<std::int64_t>(), 0);
}

TEST(FindingsJsonTest, UnknownIsNull) {
  FakeCase one;
  one.view.operations_total = 0;
  one.view.operations_name.clear();
  one.recording.marks.clear();
  one.view.rss_floor.clear();
  one.Leak(one.Stack({"/srv/model.py:encode:27"}), 3 * FakeCase::kMiB);
  const Json document = FindingsJson(one.recording, one.Judge(false), {});
  const Json& finding = document["findings"][0];
  EXPECT_TRUE(finding["growth_bytes_per_operation"].is_null());
  EXPECT_TRUE(finding["who_holds"].is_null());
  EXPECT_TRUE(finding["what"]["type"].is_null());
  EXPECT_TRUE(finding["who_allocated"]["native_function"].is_null());
  EXPECT_TRUE(document["growth"]["rss"].is_null());
  EXPECT_TRUE(document["window"]["operations"].is_null());
}

TEST(FindingsJsonTest, AStableSessionHasNoFindingsButChecks) {
  const FakeCase one;
  const Json document = FindingsJson(one.recording, one.Judge(), {});
  EXPECT_EQ(document["verdict"], "stable");
  EXPECT_TRUE(document["findings"].is_array());
  EXPECT_TRUE(document["findings"].empty());
  EXPECT_GE(document["checks"].size(), 10u);
}

}  // namespace
}  // namespace memwhy::report
