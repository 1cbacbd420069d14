// SPDX-License-Identifier: Apache-2.0
#include "agent/python/key_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "agent/ground/agent.h"

namespace memwhy::agent {
namespace {

std::string Repeated(const char* text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(KeyTextTest, ShortTextIsWhole) {
  EXPECT_EQ(CutText("", 0), 0u);
  EXPECT_EQ(CutText("user", 4), 4u);
  EXPECT_EQ(CutText(Repeated("a", 64).c_str(), 64), 64u);
}

TEST(KeyTextTest, LongTextIsCutBehindItsSixtyFourthCharacter) {
  EXPECT_EQ(CutText(Repeated("a", 65).c_str(), 65), 64u);
  const std::string wide = Repeated("\xe2\x82\xac", 70);  // three bytes each
  EXPECT_EQ(CutText(wide.data(), wide.size()), 64u * 3);
  const std::string mixed = "a" + Repeated("\xf0\x9f\x98\x80", 70);
  EXPECT_EQ(CutText(mixed.data(), mixed.size()), 1u + 63u * 4);
}

TEST(KeyTextTest, ACharacterThatEndsTooEarlyIsNotLeft) { EXPECT_EQ(CutText("\xe2\x82", 2), 2u); }

// An int object of two digits as CPython 3.`minor` has it.
class SmallIntTest : public testing::Test {
 protected:
  void TearDown() override { g_agent.python.layout = nullptr; }

  std::optional<std::int64_t> Read(int minor, std::int64_t size, std::uint32_t low,
                                   std::uint32_t high) {
    g_agent.python.layout = cpython::FindLayout(minor);
    std::uint64_t object[4] = {};
    object[cpython::kVarSize / 8] = static_cast<std::uint64_t>(size);
    object[3] = std::uint64_t{high} << 32 | low;
    std::int64_t value = 0;
    const bool is_small = PeekSmallInt(reinterpret_cast<cpython::Address>(object), &value);
    return is_small ? std::optional(value) : std::nullopt;
  }
};

TEST_F(SmallIntTest, SignIsThatOfTheSizeUpTo311) {
  for (const int minor : {8, 11}) {
    EXPECT_EQ(Read(minor, 0, 0, 0), 0);
    EXPECT_EQ(Read(minor, 1, 41, 0), 41);
    EXPECT_EQ(Read(minor, -1, 41, 0), -41);
    EXPECT_EQ(Read(minor, 2, 3, 2), (std::int64_t{2} << 30) + 3);
    EXPECT_EQ(Read(minor, -2, 3, 2), -((std::int64_t{2} << 30) + 3));
    EXPECT_EQ(Read(minor, 3, 1, 1), std::nullopt);
    EXPECT_EQ(Read(minor, -3, 1, 1), std::nullopt);
  }
}

TEST_F(SmallIntTest, SignIsInTheTagFrom312On) {
  for (const int minor : {12, 14}) {
    EXPECT_EQ(Read(minor, 0 << 3 | 1, 0, 0), 0);
    EXPECT_EQ(Read(minor, 1 << 3, 41, 0), 41);
    EXPECT_EQ(Read(minor, 1 << 3 | 2, 41, 0), -41);
    EXPECT_EQ(Read(minor, 2 << 3 | 2, 3, 2), -((std::int64_t{2} << 30) + 3));
    EXPECT_EQ(Read(minor, 3 << 3, 1, 1), std::nullopt);
  }
}

}  // namespace
}  // namespace memwhy::agent
