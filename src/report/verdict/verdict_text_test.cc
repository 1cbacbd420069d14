// SPDX-License-Identifier: Apache-2.0
#include "report/verdict/verdict_text.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "analysis/fake_case.h"
#include "base/strings.h"
#include "report/ledger/ledger_rows.h"
#include "report/parts/wrap.h"

namespace memwhy::report {
namespace {

using analysis::FakeCase;
using testing::HasSubstr;
using testing::Not;

std::string GrowingText() {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/model.py:encode:27", "/srv/app.py:score:44"});
  one.Leak(stack, 3 * FakeCase::kMiB);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  one.ledgers = {{"rss", "start", 20, 1000, {{"python", "pymalloc in use", 900, 900}}, 100, ""},
                 {"rss",
                  "end",
                  60,
                  4096,
                  {{"python", "pymalloc in use", 1024, 1024}, {"native", "malloc in use", 2048, 0}},
                  1024,
                  ""}};
  return VerdictText(one.recording, one.Judge(), one.ledgers);
}

TEST(VerdictTextTest, AnswersOnTheFirstScreen) {
  const std::string text = GrowingText();
  const auto lines = SplitLines(text);
  std::string screen;
  for (std::size_t i = 0; i < 24 && i < lines.size(); ++i) screen += std::string(lines[i]) + "\n";
  EXPECT_TRUE(StartsWith(screen, "GROWING  "));
  EXPECT_THAT(screen, HasSubstr("/srv/model.py:27 model.encode"));
  EXPECT_THAT(screen, HasSubstr("store.FEATURES"));
  EXPECT_THAT(screen, HasSubstr("per request"));
  EXPECT_THAT(screen, HasSubstr("per second"));
  EXPECT_THAT(screen, HasSubstr("\n   next      memwhy diagnose"));
}

TEST(VerdictTextTest, AFullScreenKeepsWhoWhereAndWhatNext) {
  FakeCase one;
  const model::StackId stack = one.Stack({"/srv/model.py:encode:27", "/srv/app.py:score:44"});
  one.Leak(stack, 3 * FakeCase::kMiB);
  one.Holds(stack, FakeCase::DictOf("store", "FEATURES", "torch.Tensor"));
  analysis::Verdict verdict = one.Judge();
  analysis::Finding& first = verdict.findings.front();
  ASSERT_TRUE(first.who_holds);
  std::string path = "app";
  for (int i = 0; i < 60; ++i) path += fmt::format(".step{}", i);
  first.who_holds->text = path;
  for (int i = 0; i < 4; ++i) first.outcomes.push_back({"gc", {}, std::string(200, 'x')});
  const std::string text = VerdictText(one.recording, verdict, one.ledgers);
  const auto lines = SplitLines(text);
  std::string screen;
  for (std::size_t i = 0; i < 24; ++i) screen += std::string(lines[i]) + "\n";
  EXPECT_THAT(screen, HasSubstr("/srv/model.py:27 "));
  EXPECT_THAT(screen, HasSubstr("   holder    store.FEATURES"));
  EXPECT_THAT(screen, HasSubstr("   fix       "));
  EXPECT_THAT(screen, HasSubstr("   next      memwhy diagnose"));
  EXPECT_THAT(screen, Not(HasSubstr("   path      ")));
  EXPECT_THAT(text, HasSubstr("   path      app.step0"));
}

TEST(VerdictTextTest, NoLineIsLongerThanEightyColumns) {
  for (const std::string_view line : SplitLines(GrowingText())) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(VerdictTextTest, ShowsTheLedgerWithItsRemainder) {
  const std::string text = GrowingText();
  EXPECT_THAT(text, HasSubstr("unattributed"));
  EXPECT_THAT(text, HasSubstr("25 % has a proven owner.\n  75 % is attributed."));
}

TEST(VerdictTextTest, UnknownIsWrittenUnknown) {
  FakeCase one;
  one.recording.os_samples.clear();
  one.ledgers = {{"rss", "end", 60, 4096, {{"python", "pymalloc in use", 4096, 0}}, 0, ""}};
  const std::string text = VerdictText(one.recording, one.Judge(), one.ledgers);
  EXPECT_THAT(text, HasSubstr("rss       unknown"));
}

TEST(VerdictTextTest, WhatIsMissingIsNamed) {
  FakeCase one;
  one.recording.complete = false;
  one.recording.notes = {"a word", "missing: process 7 (python3): not recorded: a reason",
                         "missing: process 8 (python3): not recorded: a reason"};
  const std::string text = VerdictText(one.recording, one.Judge(), one.ledgers);
  EXPECT_THAT(text, HasSubstr("warning   missing: process 7 (python3): not recorded"));
  EXPECT_THAT(text, HasSubstr("1 more"));
  EXPECT_THAT(text, Not(HasSubstr("a word")));
}

TEST(WrapTest, IndentsContinuationLines) {
  EXPECT_EQ(Wrap("ab  ", "one two three", 12), "ab  one two\n    three\n");
  EXPECT_EQ(Wrap("ab  ", "", 12), "ab  \n");
  // A path that is longer than a line is broken before a step.
  EXPECT_EQ(Wrap("ab  ", "app.CACHE['u'].history[3].body", 20),
            "ab  app.CACHE['u']\n    .history[3].body\n");
  EXPECT_EQ(Wrap("ab  ", "abcdefghijklmnopqrstuvwxyz", 14),
            "ab  abcdefghij\n    klmnopqrst\n    uvwxyz\n");
}

}  // namespace
}  // namespace memwhy::report
