// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memwhy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StringsTest, SplitsKeepingEmptyFields) {
  EXPECT_THAT(Split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_THAT(SplitFields("  a \t b"), ElementsAre("a", "b"));
  EXPECT_THAT(SplitFields(" "), IsEmpty());
  EXPECT_THAT(SplitLines("a\n\nb\n"), ElementsAre("a", "", "b"));
}

TEST(StringsTest, JoinsPaths) {
  EXPECT_EQ(JoinPath("/a/", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a", "/b"), "/a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("/a", "/"), "/a");
  EXPECT_EQ(Basename("/a/b"), "b");
  EXPECT_EQ(Basename("b"), "b");
}

TEST(StringsTest, ParsesWholeNumbersOnly) {
  EXPECT_EQ(ParseUint("42"), 42u);
  EXPECT_EQ(ParseHex("7fff"), 0x7fffu);
  EXPECT_EQ(ParseUint("42 "), std::nullopt);
  EXPECT_EQ(ParseUint(""), std::nullopt);
  EXPECT_EQ(ParseUint("-1"), std::nullopt);
  EXPECT_EQ(ParseUint("99999999999999999999"), std::nullopt);
}

TEST(StringsTest, TrimsAndConsumes) {
  EXPECT_EQ(Trim(" a b \n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
  std::string_view text = "Rss: 4";
  EXPECT_FALSE(ConsumePrefix(text, "Pss:"));
  EXPECT_TRUE(ConsumePrefix(text, "Rss:"));
  EXPECT_EQ(text, " 4");
  const std::vector<std::string> parts = {"a", "b"};
  EXPECT_EQ(Join(parts, ", "), "a, b");
}

}  // namespace
}  // namespace memwhy
