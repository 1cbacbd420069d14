// SPDX-License-Identifier: Apache-2.0
#include "export/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "export/heap/fake_heap.h"

namespace memwhy::exports {
namespace {

std::string Json(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

TEST(TextTest, WellFormedTextStays) {
  for (const std::string_view text : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x8d",
                                      "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(ValidUtf8(text), text);
  }
}

TEST(TextTest, WhatIsNoCharacterIsReplacedByteByByte) {
  EXPECT_EQ(ValidUtf8("a\xff"
                      "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(ValidUtf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");  // cut
  EXPECT_EQ(ValidUtf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");  // '/' in two bytes
  EXPECT_EQ(ValidUtf8("\xe0\x80\xaf").size(), 9u);               // and in three
  EXPECT_EQ(ValidUtf8("\xed\xa0\x80").size(), 9u);               // a surrogate
  EXPECT_EQ(ValidUtf8("\xf4\x90\x80\x80").size(), 12u);          // beyond the last
  EXPECT_EQ(ValidUtf8("\xe2\x82(\xe2\x82\xac"), "\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac");
}

TEST(TextTest, JsonSaysTheSameToAParser) {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(nlohmann::json::parse(Json(all)), all);
  for (const std::string_view name : kHostileNames) {
    EXPECT_EQ(nlohmann::json::parse(Json(name)), ValidUtf8(name)) << name;
  }
}

}  // namespace
}  // namespace memwhy::exports
