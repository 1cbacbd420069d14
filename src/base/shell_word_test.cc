// SPDX-License-Identifier: Apache-2.0
#include "base/shell_word.h"

#include <gtest/gtest.h>

namespace memwhy {
namespace {

TEST(ShellWordTest, AShellTakesAWordAsItIs) {
  EXPECT_EQ(ShellWord("app.Cache"), "app.Cache");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("$(rm x) it's"), "'$(rm x) it'\\''s'");
}

TEST(ShellWordTest, HiddenCharactersAreWrittenOut) {
  EXPECT_EQ(ShellWord("a\x1b[31m\nit's\\\u202e"), "$'a\\x1b[31m\\nit\\'s\\\\\\u202e'");
}

}  // namespace
}  // namespace memwhy
