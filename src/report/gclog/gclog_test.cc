// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "report/gclog/gclog_json.h"
#include "report/gclog/gclog_text.h"
#include "report/parts/session_json.h"

namespace memwhy::report {
namespace {

using model::GcCollection;
using model::GcLog;

GcLog Example() {
  GcLog log;
  log.writers.push_back({"web \xff 1", false, 100.0, 160.0});
  GcCollection done;
  done.number = 1;
  done.form = model::GcTextForm::k38OrLater;
  done.generation = 2;
  done.before = {10, 20, 3000};
  done.permanent = 0;
  done.collected = 1234;
  done.uncollectable = 2;
  done.seconds = 0.25;
  GcCollection killed;
  killed.number = 2;
  log.collections = {done, killed};
  log.types.push_back({std::string(200, 'T'), 1000, 2});
  log.types.push_back({"bad\x1b[31m\nname", 5, 0});
  log.collectable_objects = 1005;
  log.uncollectable_objects = 2;
  log.lines = 7;
  log.unparsed = 3;
  log.shutdown_collections = 2;
  log.shutdown_objects = 400;
  return log;
}

TEST(GcLogJsonTest, HasEveryFieldOfTheContract) {
  const GcLog log = Example();
  std::string text;
  GcLogJson writer([&](std::string_view piece) { text += piece; });
  writer.Begin("gc.log");
  writer.Object({0x7f00, "app.Node", true, 1});
  writer.Object({0x7f10, "b\xff\"", false, std::nullopt});
  writer.End(log, analysis::SummarizeGcLog(log), "");
  const Json json = Json::parse(text);
  EXPECT_EQ(json.begin().key(), "schema");
  EXPECT_EQ(json["schema"], "memwhy.gclog/1");
  EXPECT_EQ(json["session"], nullptr);
  ASSERT_EQ(json["objects"].size(), 2u);
  EXPECT_EQ(json["objects"][0], (Json{{"address", "0x7f00"},
                                      {"type", "app.Node"},
                                      {"state", "collectable"},
                                      {"collection", 1}}));
  EXPECT_EQ(json["objects"][1]["collection"], nullptr);
  EXPECT_EQ(json["objects"][1]["state"], "uncollectable");
  ASSERT_EQ(json["collections"].size(), 2u);
  const Json& first = json["collections"][0];
  EXPECT_EQ(first["generation"], 2);
  EXPECT_EQ(first["before"], (Json{10, 20, 3000}));
  EXPECT_EQ(first["collected"], 1234);
  EXPECT_EQ(first["uncollectable"], 2);
  EXPECT_EQ(first["seconds"], 0.25);
  EXPECT_EQ(first["python"], "3.8+");
  const Json& second = json["collections"][1];
  for (const char* unknown :
       {"generation", "before", "permanent", "collected", "uncollectable", "seconds", "python"}) {
    EXPECT_EQ(second[unknown], nullptr) << unknown;
  }
  EXPECT_EQ(json["unparsed"], 3);
  EXPECT_EQ(json["shutdown"]["objects"], 400);
  EXPECT_EQ(json["totals"]["collected"], 1234);
  EXPECT_EQ(json["damage"], nullptr);
}

TEST(GcLogJsonTest, NothingIsADocument) {
  std::string text;
  GcLogJson writer([&](std::string_view piece) { text += piece; });
  writer.Begin("-");
  writer.End({}, {}, "it broke");
  const Json json = Json::parse(text);
  EXPECT_EQ(json["objects"], Json::array());
  EXPECT_EQ(json["collections"], Json::array());
  EXPECT_EQ(json["totals"]["seconds"], nullptr);
  EXPECT_EQ(json["damage"], "it broke");
}

TEST(GcLogTextTest, FitsATerminal) {
  GcLog log = Example();
  const std::string text = GcLogText(std::string(300, 'f'), log, analysis::SummarizeGcLog(log), 10);
  for (const auto line : SplitLines(text)) EXPECT_LE(line.size(), 82u) << line;  // "…"
  EXPECT_TRUE(Contains(text, "2 collections, 1 full; 250 ms in all")) << text;
  EXPECT_TRUE(Contains(text, "1,234 objects\ncollected, 2 uncollectable")) << text;
  EXPECT_TRUE(Contains(text, "unknown")) << text;
  EXPECT_TRUE(Contains(text, "1 min 0 s")) << text;
  EXPECT_TRUE(Contains(text, "not\n            counted")) << text;
  EXPECT_FALSE(Contains(text, "\x1b")) << text;
}

TEST(GcLogTextTest, SaysUnknownWherePausesAre) {
  GcLog log = Example();
  log.collections.erase(log.collections.begin());
  const std::string text = GcLogText("x", log, analysis::SummarizeGcLog(log), 10);
  EXPECT_TRUE(Contains(text, "1 collection, generation unknown; pauses are unknown; what")) << text;
  EXPECT_TRUE(Contains(text, "the share of collections\n            is unknown")) << text;
  EXPECT_FALSE(Contains(text, " 0.0 %")) << text;
}

TEST(GcLogTextTest, SaysWhereThereIsNothing) {
  GcLog log;
  log.lines = 3;
  EXPECT_TRUE(Contains(GcLogText("x", log, analysis::SummarizeGcLog(log), 10),
                       "No text of the garbage collector in 3 lines"));
  log.collectable_objects = 5;
  EXPECT_TRUE(Contains(GcLogText("x", log, analysis::SummarizeGcLog(log), 10),
                       "gc.DEBUG_STATS was not set"));
  log.shutdown_collections = 3;
  EXPECT_TRUE(Contains(GcLogText("x", log, analysis::SummarizeGcLog(log), 10),
                       "Nothing but 3 collections of the interpreter's exit"));
}

}  // namespace
}  // namespace memwhy::report
