// SPDX-License-Identifier: Apache-2.0
#include "session/fact_text.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::session {
namespace {

std::string Repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(FactTextTest, GivesTheDocument) {
  const auto fact = ParseFact<nlohmann::json>(R"({"type": "note", "text": "a", "rows": [[1, 2]]})");
  ASSERT_TRUE(fact);
  EXPECT_EQ((*fact)["rows"][0][1], 2);
}

TEST(FactTextTest, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\": 1e999}", "\xff", "nul", "1 2", "{\"a\":}"}) {
    EXPECT_EQ(WhyNoFact(text), "a fact is no JSON") << text;
  }
}

// Whoever prints or copies a document calls itself for each level.
TEST(FactTextTest, RefusesDepth) {
  EXPECT_EQ(WhyNoFact(Repeated("[", kMaxFactDepth) + Repeated("]", kMaxFactDepth)), "");
  EXPECT_EQ(WhyNoFact(Repeated("[", 4'000'000)), "a fact is nested too deeply");
  EXPECT_EQ(WhyNoFact(Repeated("{\"a\":", 4'000'000)), "a fact is nested too deeply");
}

// Each member is looked for among those before it.
TEST(FactTextTest, RefusesAnObjectOfMoreMembersThanAnyFactHas) {
  std::string text = "{";
  for (std::size_t i = 0; i <= kMaxFactMembers; ++i) text += "\"" + std::to_string(i) + "\":0,";
  text.back() = '}';
  EXPECT_EQ(WhyNoFact(text), "an object of a fact has too many members");
}

TEST(FactTextTest, RefusesMoreValuesThanAnyFactHas) {
  const std::string text = "[" + Repeated("0,", kMaxFactValues) + "0]";
  EXPECT_EQ(WhyNoFact(text), "a fact has too many values");
}

}  // namespace
}  // namespace memwhy::session
