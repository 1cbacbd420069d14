// SPDX-License-Identifier: Apache-2.0
#include "report/heap/tf_loads_view.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <string>

#include "base/strings.h"

namespace memwhy::report {
namespace {

model::TfCounts Counts(std::int64_t number) {
  model::TfCounts out;
  out.functions = number;
  out.graphdef_bytes = 10 * number;
  out.handles = number;
  out.objects = 100 * number;
  out.malloc = 1000 * number;
  out.rss = 4096 * number;
  return out;
}

model::TfLoads TenLoads() {
  model::TfLoads loads;
  loads.tensorflow = "2.21.0";
  loads.keras = {{"keras", "3.15.1"}};
  for (std::int64_t i = 0; i < 10; ++i) {
    loads.loads.push_back({"tf.saved_model.load", Counts(5 + 4 * i), Counts(9 + 4 * i)});
  }
  loads.end = Counts(45);
  loads.cleanups = {{"del", Counts(30)}, {"clear_session", std::nullopt}, {"trim", Counts(7)}};
  return loads;
}

TEST(TfLoadsViewTest, JsonAddsUp) {
  const model::TfLoads loads = TenLoads();
  ShownTfLoads shown;
  shown.loads = &loads;
  shown.target = "python x.py";
  const auto document = nlohmann::json::parse(TfLoadsJson(shown));
  EXPECT_EQ(document["schema"], "memwhy.tf.loads/1");
  EXPECT_EQ(document["baseline"]["functions"], 5);
  EXPECT_EQ(document["loads"].size(), 10u);
  EXPECT_EQ(document["loads"][9]["functions"], 45);
  EXPECT_EQ(document["loads"][9]["added"]["graphdef_bytes"], 40);
  EXPECT_EQ(document["cleanups"][0]["freed"]["functions"], 15);
  EXPECT_TRUE(document["cleanups"][1]["freed"].is_null());
  EXPECT_EQ(document["cleanups"][2]["freed"]["functions"], 23);
  EXPECT_EQ(document["cleanups"][3]["what"], "process exit");
  EXPECT_EQ(document["cleanups"][3]["freed"]["functions"], 2);
  EXPECT_EQ(document["session"]["ended"], "exit:0");
}

TEST(TfLoadsViewTest, TextFitsAndSaysWhatIsUnknown) {
  model::TfLoads loads = TenLoads();
  loads.loads[0].after.malloc = std::nullopt;
  loads.loads[1].loader = std::string(60, 'x');
  loads.loads[2].loader = "two\nlines\x1b[2J";
  ShownTfLoads shown;
  shown.loads = &loads;
  HeldLook look;
  look.when = "end";
  HeldLook::Kind kind{"graph", 1'234'567, {}};
  kind.held.groups = {{1'234'560, std::string(300, 'p'), false}, {7, "", false}};
  look.kinds = {kind, {"loaded object", 0, {}}};
  HeldLook failed;
  failed.when = "after";
  failed.trouble = "the disk is full";
  shown.looks = {look, failed};
  const std::string text = TfLoadsText(shown);
  for (const std::string_view line : SplitLines(text)) {
    EXPECT_LE(line.size(), 80u) << line;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("unknown"), std::string::npos);
  EXPECT_NE(text.find("after load 10 "), std::string::npos);
  EXPECT_EQ(text.find("after load 3 "), std::string::npos);
  EXPECT_NE(text.find("clear_session            (none imported)"), std::string::npos);
  EXPECT_NE(text.find("1,234,567 graphs"), std::string::npos);
  EXPECT_NE(text.find("7  nobody; they wait"), std::string::npos);
  EXPECT_EQ(text.find("loaded object"), std::string::npos);
  EXPECT_NE(text.find("no heap dump: the disk is full"), std::string::npos);
}

}  // namespace
}  // namespace memwhy::report
