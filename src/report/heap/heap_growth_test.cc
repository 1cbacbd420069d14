// SPDX-License-Identifier: Apache-2.0
#include "report/heap/heap_growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "report/parts/session_json.h"

namespace memwhy::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

HeapGrowthView Leaking() {
  HeapGrowthView view;
  view.pid = 4711;
  view.every_seconds = 30;
  view.planned = 3;
  for (int i = 0; i < 3; ++i) {
    view.rounds.push_back({30.0 * i, 1'000'000, 100 << 20, 0, "clone", 3.1, 2.9, 0.3, 120'000});
  }
  view.growth.types = {
      {"bytes", {10, 20, 30}, {1000, 201'000, 401'000}, true, 400'000, 2},
      {std::string(70, 'm') + ".Session", {1, 2, 3}, {100, 200, 300}, true, 200, 1},
      {"dict", {5, 5, 5}, {500, 500, 500}, false, 0, 0}};
  view.growth.pairs = {
      {std::string(70, 'm') + ".Session", "bytes", false, {10, 20, 30}, true, 400'000, 2},
      {"(frame)", "dict", true, {1, 1, 1}, false, 0, 0}};
  view.growth.slice = {"bytes", std::string(70, 'm') + ".Session", "collections.OrderedDict",
                       "(frame)"};
  return view;
}

void ExpectFits(const std::string& text) {
  std::size_t rows = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++rows;
    std::size_t columns = 0;
    for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
    // A command is not cut.
    if (line.starts_with("  memwhy ")) continue;
    EXPECT_LE(columns, 80U) << line;
  }
  EXPECT_GT(rows, 3U);
}

TEST(HeapGrowthTest, GrowthIsSaidWithWhatHoldsItAndWhatToDoNext) {
  const HeapGrowthView view = Leaking();
  const std::string text = HeapGrowthText(view, 20);
  ExpectFits(text);
  EXPECT_THAT(text, HasSubstr("counted 3 times in 1 min 0 s"));
  EXPECT_THAT(text, HasSubstr("+391 KiB"));
  EXPECT_THAT(text, HasSubstr("Retained by: bytes"));
  EXPECT_THAT(text, HasSubstr("<- (frame)"));
  EXPECT_THAT(text, Not(HasSubstr("dict\n")));  // it does not grow
  EXPECT_THAT(text, HasSubstr("  memwhy heap dump 4711 -o d.heap\n"));
  // A class of the program's rather than bytes.
  EXPECT_THAT(text, HasSubstr("  memwhy heap why d.heap --type mmm"));
  EXPECT_THAT(HeapGrowthText(view, 1), HasSubstr("... 1 more types (--top N)"));
}

TEST(HeapGrowthTest, WithADumpTheNextStepReadsIt) {
  HeapGrowthView view = Leaking();
  view.dump = "/tmp/x.heap";
  const std::string text = HeapGrowthText(view, 20);
  EXPECT_THAT(text, HasSubstr("All objects are in /tmp/x.heap."));
  EXPECT_THAT(text, HasSubstr("  memwhy heap why /tmp/x.heap --type"));
  EXPECT_THAT(text, Not(HasSubstr("heap dump 4711")));
}

TEST(HeapGrowthTest, NoGrowthIsAnAnswer) {
  HeapGrowthView view = Leaking();
  for (auto& type : view.growth.types) type.grows = false;
  for (auto& pair : view.growth.pairs) pair.grows = false;
  view.growth.slice.clear();
  view.no_dump = "nothing grew";
  const std::string text = HeapGrowthText(view, 20);
  ExpectFits(text);
  EXPECT_THAT(text, HasSubstr("No type and no kind of reference grew in each interval."));
  EXPECT_THAT(text, HasSubstr("No dump was written: nothing grew"));
  EXPECT_THAT(text, HasSubstr("--every 5m"));
}

TEST(HeapGrowthTest, OfAProcessThatEndedNothingIsAskedAnyMore) {
  HeapGrowthView view = Leaking();
  view.planned = 5;
  view.stopped = "the process ended";
  view.has_ended = true;
  const std::string text = HeapGrowthText(view, 20);
  ExpectFits(text);
  EXPECT_THAT(text, HasSubstr("3 of 5 rounds: the process ended"));
  EXPECT_THAT(text, Not(HasSubstr("memwhy heap")));
}

TEST(HeapGrowthTest, TheDocumentHasAllRows) {
  std::string text;
  WriteHeapGrowthJson(Leaking(), SIZE_MAX, [&](std::string_view part) { text += part; });
  const Json document = Json::parse(text);
  EXPECT_EQ(document["schema"], "memwhy.heap.growth/1");
  EXPECT_EQ(document["grows"], true);
  EXPECT_EQ(document["types"].size(), 3U);
  EXPECT_EQ(document["types"][0]["objects"], Json::parse("[10, 20, 30]"));
  EXPECT_EQ(document["pairs"][1]["is_root"], true);
  EXPECT_EQ(document["rounds"][2]["at"], 60.0);
  EXPECT_EQ(document["stopped"], nullptr);
  EXPECT_EQ(document["dump"], nullptr);
  text.clear();
  WriteHeapGrowthJson(Leaking(), 1, [&](std::string_view part) { text += part; });
  EXPECT_EQ(Json::parse(text)["types"].size(), 1U);
}

}  // namespace
}  // namespace memwhy::report
