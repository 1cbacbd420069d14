// SPDX-License-Identifier: Apache-2.0
#include "base/terminal_text.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy {
namespace {

TEST(TerminalTextTest, PlainTextStays) {
  EXPECT_EQ(EscapeName("worker-1 (日本語) é …"), "worker-1 (日本語) é …");
  EXPECT_EQ(EscapeName(""), "");
}

TEST(TerminalTextTest, ControlsAreWrittenOut) {
  EXPECT_EQ(EscapeName("a\x1b[31mb\x7f"), "a\\x1b[31mb\\x7f");
  EXPECT_EQ(EscapeName(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(EscapeName("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(EscapeLines("a\nb\tc\r"), "a\nb\\tc\\r");
  // C1 as a character, and as the bare byte that an 8-bit terminal takes for it.
  EXPECT_EQ(EscapeName("\u009b31m"), "\\u009b31m");
  EXPECT_EQ(EscapeName("\x9b"
                       "31m"),
            "\\x9b31m");
}

TEST(TerminalTextTest, MarksThatCannotBeSeenAreWrittenOut) {
  EXPECT_EQ(EscapeName("a\u202eb\u2066c\u200fd\u061c"), "a\\u202eb\\u2066c\\u200fd\\u061c");
  EXPECT_EQ(EscapeName("a\u200bb\ufeffc\u00add\u2028"), "a\\u200bb\\ufeffc\\u00add\\u2028");
  EXPECT_EQ(EscapeName("\U000e0041"), "\\U000e0041");
}

TEST(TerminalTextTest, WhatIsNoUtf8IsWrittenOut) {
  EXPECT_EQ(EscapeName("\xff"), "\\xff");
  EXPECT_EQ(EscapeName("\xe2\x80"), "\\xe2\\x80");           // cut off
  EXPECT_EQ(EscapeName("\xc1\x9b"), "\\xc1\\x9b");           // longer than needed
  EXPECT_EQ(EscapeName("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a pair
  EXPECT_EQ(EscapeName("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(TerminalTextTest, JsonReadsBackAsTheSame) {
  EXPECT_EQ(EscapeJson("{\"a\":\"é\u202e\u009b\x7f\"}\n"), "{\"a\":\"é\\u202e\\u009b\\u007f\"}\n");
  EXPECT_EQ(EscapeJson("\"\U000e0041\""), "\"\\udb40\\udc41\"");
}

TEST(TerminalTextTest, NamesAmongArgumentsAreEscaped) {
  const std::string name = "a\nb\x1b";
  EXPECT_EQ(FormatForTerminal("{} {:>3} {}", name, 7, "x\ty"), "a\\nb\\x1b   7 x\\ty");
}

TEST(TerminalTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutBytes("abc", 3), "abc");
  EXPECT_EQ(CutBytes("abc", 2), "ab");
  EXPECT_EQ(CutBytes("aéc", 2), "a");
  EXPECT_EQ(CutBytes("aéc", 3), "aé");
}

// Nothing that is printed is hidden, whatever it was.
TEST(TerminalTextTest, NoBytesGetThrough) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char bytes[] = {static_cast<char>(a), static_cast<char>(b), 'x'};
      const std::string shown = EscapeName({bytes, sizeof(bytes)});
      for (const char c : shown) {
        ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << a << " " << b;
      }
      ASSERT_EQ(shown, EscapeName(shown)) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace memwhy
