// SPDX-License-Identifier: Apache-2.0
#include "wire/redaction.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::wire {
namespace {

std::string TokenOf(const RedactionKey& key, std::string_view kind, std::string_view text) {
  char out[kMaxTokenBytes];
  return {out, PutToken(key, kind, text.data(), text.size(), out)};
}

// The vectors of the SipHash paper's reference: key 00 01 .. 0f, input 00 01 .. n - 1.
TEST(RedactionTest, HashesAsTheReferenceDoes) {
  const RedactionKey key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
  unsigned char input[64];
  for (unsigned i = 0; i < sizeof(input); ++i) input[i] = static_cast<unsigned char>(i);
  EXPECT_EQ(SipHash::Of(key, input, 0), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(SipHash::Of(key, input, 1), 0x74f839c593dc67fdu);
  EXPECT_EQ(SipHash::Of(key, input, 8), 0x93f5f5799a932462u);
  EXPECT_EQ(SipHash::Of(key, input, 15), 0xa129ca6149be45e5u);
}

TEST(RedactionTest, ATokenIsTheSameForTheSameTextAndKeyOnly) {
  const RedactionKey key{1, 2};
  EXPECT_EQ(TokenOf(key, "str", "alice"), TokenOf(key, "str", "alice"));
  EXPECT_NE(TokenOf(key, "str", "alice"), TokenOf(key, "str", "alicf"));
  EXPECT_NE(TokenOf(key, "str", "alice"), TokenOf({1, 3}, "str", "alice"));
}

TEST(RedactionTest, TokensAreKnownByTheirLooks) {
  const std::string token = TokenOf({1, 2}, "thread", "alice");
  EXPECT_EQ(token.size(), 17u);
  EXPECT_TRUE(IsToken(token)) << token;
  for (const char* text : {"", "<str:>", "<str:7f3a09b>", "<str:7f3a09bg>", "str:7f3a09bc",
                           "<STR:7f3a09bc>", "<str 7f3a09bc>", "<:7f3a09bc", "<app.Type>"}) {
    EXPECT_FALSE(IsToken(text)) << text;
  }
  EXPECT_TRUE(IsToken("<str:7f3a09bc>"));
}

TEST(RedactionTest, ReadsAKeyOfItsDigits) {
  RedactionKey key;
  ASSERT_TRUE(ParseRedactionKey("00000000000000ff0123456789abcdef", &key));
  EXPECT_EQ(key.low, 0xffu);
  EXPECT_EQ(key.high, 0x0123456789abcdefu);
  EXPECT_FALSE(ParseRedactionKey("00000000000000FF0123456789abcdef", &key));
  EXPECT_FALSE(ParseRedactionKey("12", &key));
}

}  // namespace
}  // namespace memwhy::wire
