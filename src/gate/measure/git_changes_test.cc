// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/git_changes.h"

#include <gtest/gtest.h>

namespace memwhy::gate {
namespace {

TEST(GitChangesTest, HunksAreLinesOfTheFileNow) {
  const ChangedLines changed = ParseDiff(
      "diff --git app.py app.py\n"
      "index 1..2 100644\n"
      "--- app.py\n"
      "+++ app.py\n"
      "@@ -3 +3,2 @@ def f():\n"
      "-a\n"
      "+b\n"
      "+++ other.py\n"
      "@@ -10,2 +12,0 @@\n"
      "-x\n"
      "-y\n"
      "@@ -20,0 +21 @@\n"
      "+z\n"
      "diff --git old.py old.py\n"
      "--- old.py\n"
      "+++ /dev/null\n"
      "@@ -1 +0,0 @@\n"
      "diff --git two words.py two words.py\n"
      "--- /dev/null\n"
      "+++ two words.py\t\n"
      "@@ -0,0 +1,9 @@\n");
  const ChangedLines expected = {{"app.py", {{3, 4}, {21, 21}}}, {"two words.py", {{1, 9}}}};
  EXPECT_EQ(changed, expected);
}

TEST(GitChangesTest, DamageIsLeftOut) {
  EXPECT_TRUE(ParseDiff("@@ -1 +1 @@\n").empty());
  EXPECT_TRUE(ParseDiff("diff --git a a\n+++ a\n@@ -1 +99999999999999999999 @@\n").empty());
  EXPECT_TRUE(ParseDiff("diff --git a a\n+++ a\n@@ -1\n").empty());
}

TEST(GitChangesTest, OnlyAFullHashIsACommit) {
  EXPECT_TRUE(IsCommit(std::string(40, 'a')));
  EXPECT_FALSE(IsCommit("--output=/tmp/x"));
  EXPECT_FALSE(IsCommit("HEAD"));
  EXPECT_FALSE(IsCommit(std::string(40, 'A')));
}

}  // namespace
}  // namespace memwhy::gate
