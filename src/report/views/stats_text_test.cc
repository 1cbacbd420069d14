// SPDX-License-Identifier: Apache-2.0
#include "report/views/stats_text.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "model/sites/fake_source.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

TEST(StatsTextTest, ShowsTotalsAndSitesWithin80Columns) {
  model::FakeSource source;
  source.mutable_recording().command = "python " + std::string(200, 'x');
  source.Malloc(1, 0x1000, 3 << 20, source.Stack({"put", "a", "b", "c", "d", "main"}));
  source.Malloc(2, 0x900000, 1 << 20, model::kUnknownStack);
  source.mutable_recording().threads[0].name = std::string(100, 'n');
  const auto stats = model::ComputeStats(source, {}).value();
  const std::string text = StatsText(source.recording(), source.stacks(), stats, Show::kLive, 10);
  EXPECT_TRUE(Contains(text, "4.00 MiB")) << text;
  EXPECT_TRUE(Contains(text, "75.0 %")) << text;
  EXPECT_TRUE(Contains(text, "app.put  app.py:10")) << text;
  EXPECT_TRUE(Contains(text, "2 more frames")) << text;
  EXPECT_TRUE(Contains(text, "unknown stack")) << text;
  for (const auto line : SplitLines(text)) {
    EXPECT_LE(line.size(), 82u) << line;  // "…" is three bytes
  }
}

TEST(StatsTextTest, CCodeStandsWithItsLibraryOnce) {
  const auto line = [](const char* function) {
    return FrameLine({.function = function,
                      .module = "libfast.so",
                      .file = "/srv/libfast.so",
                      .language = model::Language::kC});
  };
  EXPECT_EQ(line("grow"), "grow  libfast.so");
  EXPECT_EQ(line("libfast.so+0x1f40"), "libfast.so+0x1f40");
}

TEST(StatsTextTest, SortsByWhatIsShown) {
  model::FakeSource source;
  source.Malloc(1, 0x1000, 100, source.Stack({"keep"}));
  source.Malloc(2, 0x2000, 900, source.Stack({"drop"}));
  source.Free(3, 0x2000);
  auto stats = model::ComputeStats(source, {}).value();
  SortSites(stats, Show::kAllocated);
  EXPECT_EQ(source.stacks().leaf(stats.sites[0].key.stack).function, "drop");
  SortSites(stats, Show::kLive);
  EXPECT_EQ(source.stacks().leaf(stats.sites[0].key.stack).function, "keep");
}

}  // namespace
}  // namespace memwhy::report
