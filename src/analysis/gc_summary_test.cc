// SPDX-License-Identifier: Apache-2.0
#include "analysis/gc_summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace memwhy::analysis {
namespace {

using model::GcCollection;
using model::GcLog;

GcLog OneWriter() {
  GcLog log;
  log.writers.emplace_back();
  return log;
}

GcCollection& Add(GcLog& log, int generation, std::array<std::uint64_t, 3> before,
                  std::uint64_t collected, double seconds = 0.001) {
  GcCollection& collection = log.collections.emplace_back();
  collection.number = log.collections.size();
  collection.generation = static_cast<std::uint8_t>(generation);
  collection.before = before;
  collection.collected = collected;
  collection.uncollectable = 0;
  collection.seconds = seconds;
  return collection;
}

bool HasNote(const GcSummary& summary, const std::string& id) {
  return std::any_of(summary.notes.begin(), summary.notes.end(),
                     [&](const GcNote& note) { return note.id == id; });
}

TEST(GcSummaryTest, SumsByGenerationWithoutTheExit) {
  GcLog log = OneWriter();
  Add(log, 0, {700, 0, 100}, 5, 0.001);
  Add(log, 0, {700, 0, 100}, 6, 0.003);
  Add(log, 2, {700, 0, 100}, 7, 0.010).uncollectable = 2;
  Add(log, 2, {700, 0, 100}, 70, 9.0).is_shutdown = true;
  GcCollection& killed = log.collections.emplace_back();
  killed.generation = 2;
  const GcSummary summary = SummarizeGcLog(log);
  ASSERT_EQ(summary.by_generation.size(), 2u);
  EXPECT_EQ(summary.by_generation[0].collections, 2u);
  EXPECT_EQ(summary.by_generation[0].collected, 11u);
  EXPECT_DOUBLE_EQ(summary.by_generation[0].longest_seconds, 0.003);
  EXPECT_EQ(summary.by_generation[1].uncollectable, 2u);
  EXPECT_EQ(summary.by_generation[1].without_end, 1u);
  EXPECT_EQ(summary.all.collections, 4u);
  EXPECT_EQ(summary.all.timed, 3u);
  EXPECT_DOUBLE_EQ(summary.all.seconds, 0.014);
  EXPECT_TRUE(HasNote(summary, "uncollectable"));
}

TEST(GcSummaryTest, SuspectsSaveAllWhereCollectedObjectsStay) {
  GcLog kept = OneWriter();
  GcLog freed = OneWriter();
  for (std::uint64_t i = 0; i < 5; ++i) {
    Add(kept, 2, {100, 0, 1000 + 100 * i}, 100);
    Add(freed, 2, {100, 0, 1000}, 100);
  }
  EXPECT_TRUE(HasNote(SummarizeGcLog(kept), "save_all"));
  EXPECT_FALSE(HasNote(SummarizeGcLog(freed), "save_all"));
}

TEST(GcSummaryTest, SuspectsSaveAllInYoungCollections) {
  GcLog kept = OneWriter();
  GcLog freed = OneWriter();
  for (std::uint64_t i = 0; i < 5; ++i) {
    Add(kept, 0, {700, 700 * i, 1000}, 500);
    Add(freed, 0, {700, 200 * i, 1000}, 500);
  }
  EXPECT_TRUE(HasNote(SummarizeGcLog(kept), "save_all"));
  EXPECT_FALSE(HasNote(SummarizeGcLog(freed), "save_all"));
}

TEST(GcSummaryTest, NamesTheIncrementalCollector) {
  GcLog log = OneWriter();
  log.writers[0].is_incremental = true;
  log.collections.emplace_back().form = model::GcTextForm::k314Unfinished;
  const GcSummary summary = SummarizeGcLog(log);
  EXPECT_TRUE(HasNote(summary, "incremental"));
  EXPECT_EQ(summary.all.timed, 0u);
}

TEST(GcSummaryTest, ShareOfTheTimeNeedsTimes) {
  GcLog log = OneWriter();
  Add(log, 2, {700, 0, 100}, 7, 0.5);
  GcSummary summary = SummarizeGcLog(log);
  EXPECT_EQ(summary.covered_seconds, std::nullopt);
  EXPECT_FALSE(HasNote(summary, "pause_share"));
  EXPECT_TRUE(HasNote(summary, "long_pause"));
  log.writers[0].first_time = 100;
  log.writers[0].last_time = 102;
  summary = SummarizeGcLog(log);
  EXPECT_DOUBLE_EQ(summary.covered_seconds.value(), 2);
  EXPECT_TRUE(HasNote(summary, "pause_share"));
  log.writers[0].last_time = 200;
  EXPECT_FALSE(HasNote(SummarizeGcLog(log), "pause_share"));
}

TEST(GcSummaryTest, MissesFullCollections) {
  GcLog log = OneWriter();
  for (int i = 0; i < 300; ++i) Add(log, i % 11 == 10 ? 1 : 0, {700, 0, 100}, 1);
  EXPECT_TRUE(HasNote(SummarizeGcLog(log), "never_full"));
  Add(log, 2, {700, 0, 100}, 1);
  EXPECT_FALSE(HasNote(SummarizeGcLog(log), "never_full"));
}

TEST(GcSummaryTest, SaysWhereCollectionsFindNothing) {
  GcLog log = OneWriter();
  for (int i = 0; i < 10; ++i) Add(log, 2, {700, 0, 100}, 0);
  EXPECT_TRUE(HasNote(SummarizeGcLog(log), "finds_nothing"));
  Add(log, 0, {700, 0, 100}, 1);
  EXPECT_FALSE(HasNote(SummarizeGcLog(log), "finds_nothing"));
}

TEST(GcSummaryTest, ComparesFullCollections) {
  GcLog log = OneWriter();
  Add(log, 2, {700, 0, 100}, 0);
  EXPECT_EQ(SummarizeGcLog(log).objects_first, std::nullopt);
  Add(log, 0, {700, 0, 100}, 0);
  Add(log, 2, {700, 20, 500}, 0);
  const GcSummary summary = SummarizeGcLog(log);
  EXPECT_EQ(summary.objects_first, 800u);
  EXPECT_EQ(summary.objects_last, 1220u);
}

TEST(GcSummaryTest, HugeNumbersOfAHostileLogAreFine) {
  GcLog log = OneWriter();
  const std::uint64_t most = UINT64_MAX;
  for (int i = 0; i < 3; ++i) Add(log, i, {most, most, most}, most, 1e300);
  EXPECT_EQ(SummarizeGcLog(log).all.collections, 3u);
  EXPECT_EQ(SummarizeGcLog(GcLog{}).notes.size(), 0u);
}

}  // namespace
}  // namespace memwhy::analysis
