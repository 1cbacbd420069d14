// SPDX-License-Identifier: Apache-2.0
#include "readers/log_prefix.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::readers {
namespace {

std::string Key(std::string_view lead) { return ParseLogPrefix(lead).key; }

TEST(LogPrefixTest, TimesAreNoPartOfTheKey) {
  EXPECT_EQ(Key(""), "");
  EXPECT_EQ(Key("[4711] "), "[4711]");
  EXPECT_EQ(Key("2026-11-25T10:00:00.123456789Z stderr F "), "@ stderr F");
  EXPECT_EQ(Key("2026-11-25T10:00:00+01:00 stderr F "), "@ stderr F");
  EXPECT_EQ(Key("2026-11-25 10:00:00,123 [4711] "), "@ [4711]");
  EXPECT_EQ(Key("[2026/11/25 10:00:00] web-1: "), "[@] web-1:");
  EXPECT_EQ(Key("Nov 25 10:00:00 host python[12]: "), "@ @ host python[12]:");
  EXPECT_EQ(Key("Nov  5 10:00:00 host python[12]: "), "@ @ host python[12]:");
  EXPECT_EQ(Key("10:00:00 web.1  | "), "@ web.1  |");
  EXPECT_EQ(Key("[25/Nov/2026:10:00:00 +0100] web "), "[@ +0100] web");
  EXPECT_EQ(Key("Wed Nov 25 10:00:00 2026 web "), "@ @ 2026 web");
  EXPECT_EQ(Key("Wed, 2026-11-25 web "), "@ web");
  EXPECT_EQ(Key("1764064800.123 app "), "@ app");
  EXPECT_EQ(Key("[   12.345678] app "), "[@] app");
  EXPECT_EQ(Key("\x1b[36mweb_1  |\x1b[0m "), "web_1  |");
  EXPECT_EQ(Key("\x1b[36m10:00:00\x1b[0m web "), "@ web");
}

TEST(LogPrefixTest, NumbersOfWordsStay) {
  EXPECT_EQ(Key("worker12:30:40 "), "worker12:30:40");
  EXPECT_EQ(Key("pod-1764064800 "), "pod-@");
  EXPECT_EQ(Key("[123456] "), "[123456]");
}

TEST(LogPrefixTest, LongPrefixesAreCut) {
  EXPECT_EQ(Key(std::string(100'000, 'x')).size(), kMaxPrefixBytes);
  EXPECT_LE(Key(std::string(100'000, '\x1b')).size(), kMaxPrefixBytes);
}

TEST(LogPrefixTest, ReadsTheTime) {
  const auto time = [](std::string_view lead) { return ParseLogPrefix(lead).time; };
  EXPECT_DOUBLE_EQ(time("2026-11-25T10:00:01.5Z ").value(), 1795600801.5);
  EXPECT_DOUBLE_EQ(time("[2026-11-25 10:00:01,500] ").value(), 1795600801.5);
  EXPECT_DOUBLE_EQ(time("1795600801.25 x ").value(), 1795600801.25);
  EXPECT_DOUBLE_EQ(time("1795600801250 x ").value(), 1795600801.25);
  EXPECT_EQ(time("10:00:00 "), std::nullopt);
  EXPECT_EQ(time("2026-13-45T10:00:00Z "), std::nullopt);
  EXPECT_DOUBLE_EQ(FindTime(R"("time":"2026-11-25T10:00:01.5Z"})").value(), 1795600801.5);
  EXPECT_EQ(FindTime("nothing 12:00"), std::nullopt);
}

TEST(LogPrefixTest, ProcessesOfOneSupervisorHaveOneShape) {
  EXPECT_EQ(PrefixShape("[12]"), PrefixShape("[4711]"));
  EXPECT_EQ(PrefixShape("web_1  |"), PrefixShape("web_2  |"));
  EXPECT_NE(PrefixShape("[12]"), PrefixShape(""));
  EXPECT_NE(PrefixShape("hello"), PrefixShape("[12]"));
}

}  // namespace
}  // namespace memwhy::readers
