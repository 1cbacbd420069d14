// SPDX-License-Identifier: Apache-2.0
#include "analysis/suppressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "analysis/fake_case.h"

namespace memwhy::analysis {
namespace {

using testing::HasSubstr;

Verdict Growing() {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/vendor/store.py:put:27", "/srv/app.py:score:44"});
  one.Leak(stack, 512 * 1024);
  one.Holds(stack, FakeCase::DictOf("store", "CACHE", "store.Entry"));
  return one.Judge();
}

bool IsSuppressed(const std::string& line) {
  Verdict verdict = Growing();
  Suppress(ParseSuppressions(line, "f").value(), &verdict);
  EXPECT_EQ(verdict.findings.empty(), verdict.suppressed.size() == 1);
  return !verdict.suppressed.empty();
}

TEST(SuppressionsTest, PatternsMatchTheWholeText) {
  EXPECT_TRUE(MatchesPattern("app.*", "app.CACHE"));
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(MatchesPattern("?pp", "app"));
  EXPECT_FALSE(MatchesPattern("app", "app.CACHE"));
  EXPECT_FALSE(MatchesPattern("a*b", "a-b-c"));
  EXPECT_FALSE(MatchesPattern("", "a"));
}

TEST(SuppressionsTest, AllThatIsWrittenMustMatch) {
  EXPECT_TRUE(IsSuppressed("py.container_growth holder=store.CACHE reason=bounded"));
  EXPECT_TRUE(IsSuppressed("py.* type=store.* line=\"*/vendor/*:put\" reason=\"a reason\""));
  EXPECT_TRUE(IsSuppressed("* holder=\"store.CACHE['k1']\" reason=r  # of one key"));
  EXPECT_FALSE(IsSuppressed("py.container_growth holder=app.CACHE reason=r"));
  EXPECT_FALSE(IsSuppressed("site.* reason=r"));
  EXPECT_FALSE(IsSuppressed("py.* type=store.Other reason=r"));
  EXPECT_FALSE(IsSuppressed("py.* line=*:get reason=r"));
  EXPECT_FALSE(IsSuppressed("\n# nothing\n   \n"));
}

TEST(SuppressionsTest, WhatIsSuppressedBlamesNobodyAndSaysWhy) {
  Verdict verdict = Growing();
  EXPECT_EQ(ExitCode(verdict), 1);
  Suppress(ParseSuppressions("# accepted\npy.* reason=\"two million at most\"", "f").value(),
           &verdict);
  EXPECT_EQ(ExitCode(verdict), 0);
  EXPECT_EQ(verdict.word, VerdictWord::kGrowing);
  EXPECT_THAT(verdict.summary, HasSubstr("suppressed: two million at most"));
  ASSERT_EQ(verdict.suppressed.size(), 1u);
  EXPECT_EQ(verdict.suppressed[0].line, 2);
  EXPECT_EQ(verdict.suppressed[0].finding.id, "py.container_growth");
}

TEST(SuppressionsTest, AFaultNamesFileLineAndWhatToDo) {
  const auto error_of = [](const std::string& text) {
    return ParseSuppressions(text, "accepted.txt").error().message();
  };
  EXPECT_EQ(error_of("\npy.chain holder=a"),
            "accepted.txt, line 2: no reason is given; add reason=\"...\"");
  EXPECT_THAT(error_of("py.chain owner=a reason=r"), HasSubstr("\"owner\" is not known"));
  EXPECT_THAT(error_of("py.chain holder reason=r"), HasSubstr("holder=\"...\""));
  EXPECT_THAT(error_of("py.chain reason=\"r"), HasSubstr("no closing"));
  EXPECT_THAT(error_of("py.chain holder= reason=r"), HasSubstr("is empty"));
  EXPECT_THAT(error_of("py.chain holder=a holder=b reason=r"), HasSubstr("twice"));
  EXPECT_THAT(error_of("=x reason=r"), HasSubstr("must begin with a rule"));
}

}  // namespace
}  // namespace memwhy::analysis
