// SPDX-License-Identifier: Apache-2.0
#include "symbols/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memwhy::symbols {
namespace {

Answers Some() {
  Answers answers;
  answers.made_from = "/lib/a.so:10:1.2";
  answers.by_address[0x1000] = {{"inner", "a.h", 3, true}, {"outer", "a.cc", 40, false}};
  answers.by_address[0x1001] = {};
  answers.by_address[0xffffffffffffffff] = {{"outer", "", 0, false}};
  return answers;
}

TEST(AnswersTest, WhatIsWrittenIsRead) {
  const auto read = DecodeAnswers(EncodeAnswers(Some()));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, Some());
  EXPECT_EQ(*DecodeAnswers(EncodeAnswers({})), Answers{});
}

TEST(AnswersTest, EveryChangedByteIsSeen) {
  const std::vector<std::uint8_t> whole = EncodeAnswers(Some());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::vector<std::uint8_t> changed = whole;
    changed[i] ^= 0x41;
    EXPECT_FALSE(DecodeAnswers(changed)) << i;
    EXPECT_FALSE(DecodeAnswers({whole.data(), i})) << i;
  }
}

}  // namespace
}  // namespace memwhy::symbols
