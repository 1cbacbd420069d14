// SPDX-License-Identifier: Apache-2.0
#include "report/views/stats_json.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "model/sites/fake_source.h"
#include "report/ledger/ledger_json.h"
#include "report/parts/session_json.h"

namespace memwhy::report {
namespace {

Json StatsOf(const model::FakeSource& source, std::size_t top = SIZE_MAX) {
  const model::Stats stats = model::ComputeStats(source, {}).value();
  std::string text;
  WriteStatsJson(source.recording(), source.stacks(), stats, top,
                 [&](std::string_view piece) { text += piece; });
  return Json::parse(text);
}

TEST(StatsJsonTest, HasEveryFieldOfTheContract) {
  model::FakeSource source;
  source.Malloc(1, 0x1000, 100, source.Stack({"put", "main"}));
  source.Free(2, 0x1000);
  const Json json = StatsOf(source);
  EXPECT_EQ(json.begin().key(), "schema");
  EXPECT_EQ(json["schema"], "memwhy.stats/1");
  EXPECT_EQ(json["session"]["ended"], "exit:0");
  EXPECT_EQ(json["session"]["exit_status"], 0);
  EXPECT_EQ(json["range"]["to"], 60.0);
  EXPECT_EQ(json["totals"]["peak"], (Json{{"bytes", 100}, {"blocks", 1}, {"at", 1.0}}));
  EXPECT_EQ(json["totals"]["live"]["bytes"], 0);
  EXPECT_EQ(json["processes"][0], (Json{{"pid", 100}, {"parent", nullptr}, {"ended", "exit:0"}}));
  ASSERT_EQ(json["sites"].size(), 1u);
  const Json& site = json["sites"][0];
  EXPECT_EQ(site["pid"], 100);
  EXPECT_EQ(site["thread"], (Json{{"tid", 100}, {"name", "MainThread"}}));
  EXPECT_EQ(site["allocator"], "malloc");
  EXPECT_EQ(site["truncated"], false);
  EXPECT_EQ(site["temporary"], (Json{{"bytes", 100}, {"blocks", 1}}));
  ASSERT_EQ(site["stack"].size(), 2u);
  EXPECT_EQ(site["stack"][0], (Json{{"function", "put"},
                                    {"module", "app"},
                                    {"file", "/srv/app.py"},
                                    {"line", 10},
                                    {"language", "python"}}));
}

TEST(StatsJsonTest, TellsUnknownStacksFromEmptyOnes) {
  model::FakeSource source;
  source.Malloc(1, 0x1000, 300, model::kUnknownStack);
  source.Malloc(1, 0x2000, 200, model::kNoPython);
  source.Malloc(1, 0x3000, 100, source.Stack({"deep"}, model::kTruncatedRoot));
  const Json json = StatsOf(source);
  EXPECT_EQ(json["sites"][0]["stack"], nullptr);
  EXPECT_EQ(json["sites"][1]["stack"], Json::array());
  EXPECT_EQ(json["sites"][2]["stack"].size(), 1u);
  EXPECT_EQ(json["sites"][2]["truncated"], true);
}

TEST(StatsJsonTest, TopCutsSitesButNotTotals) {
  model::FakeSource source;
  source.Malloc(1, 0x1000, 300, source.Stack({"a"}));
  source.Malloc(1, 0x2000, 200, source.Stack({"b"}));
  const Json json = StatsOf(source, 1);
  ASSERT_EQ(json["sites"].size(), 1u);
  EXPECT_EQ(json["sites"][0]["live"]["bytes"], 300);
  EXPECT_EQ(json["totals"]["live"]["bytes"], 500);
}

TEST(StatsJsonTest, TextThatIsNoUtf8StillGivesJson) {
  model::FakeSource source;
  const std::vector<model::Frame> frames = {{"f\xff", "", "", 0, model::Language::kC}};
  source.Malloc(1, 0x1000, 300, source.Stack(frames));
  const Json json = StatsOf(source);
  EXPECT_EQ(json["sites"][0]["stack"][0]["module"], nullptr);
  EXPECT_EQ(json["sites"][0]["stack"][0]["line"], nullptr);
}

TEST(SessionJsonTest, UnknownIsNull) {
  model::Recording recording;
  recording.ended = "signal:9";
  const Json json = SessionJson(recording);
  EXPECT_EQ(json["pid"], nullptr);
  EXPECT_EQ(json["exit_status"], nullptr);
  EXPECT_EQ(json["ended"], "signal:9");
  EXPECT_EQ(json["operations"], nullptr);
  EXPECT_EQ(json["cost"]["target_cpu_ratio"], nullptr);
}

TEST(SessionJsonTest, OperationsAreThoseOfTheMostFrequentMark) {
  model::FakeSource source;
  source.MarkOperation(1, "request", 7);
  source.MarkOperation(2, "epoch", 2);
  source.MarkOperation(3, "request");
  EXPECT_EQ(SessionJson(source.recording())["operations"], 8);
}

TEST(LedgerJsonTest, KeepsTheSignOfTheRemainder) {
  model::Ledger ledger;
  ledger.account = "rss";
  ledger.at = "end";
  ledger.total = 100;
  ledger.shares.push_back({"native", "malloc in use", 130, 120});
  ledger.unattributed = -30;
  const Json json = LedgerDocument(Json::object(), std::vector{ledger});
  EXPECT_EQ(json["schema"], "memwhy.ledger/1");
  EXPECT_EQ(json["ledgers"][0]["unattributed"], -30);
  EXPECT_EQ(json["ledgers"][0]["shares"][0]["owned"], 120);
}

}  // namespace
}  // namespace memwhy::report
