// SPDX-License-Identifier: Apache-2.0
#include "report/views/diff_view.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "model/sites/fake_source.h"
#include "report/views/columns.h"
#include "report/views/view_text.h"

namespace memwhy::report {
namespace {

class DiffViewTest : public testing::Test {
 protected:
  void Add(const std::string& function, Bytes baseline, Bytes value) {
    const model::StackId stack = diff_.stacks.InternStack(
        model::kNoPython,
        diff_.stacks.InternFrame({function, "app", "/srv/app.py", 1, model::Language::kPython}));
    diff_.sites.push_back(
        {{{}, {}, {}, stack}, {value, value ? 1u : 0u}, {baseline, baseline ? 1u : 0u}});
  }

  DiffView View() {
    model::CallTree tree = model::BuildCallTree(diff_.stacks, model::SumByStack(diff_.sites));
    const model::CallNode root = tree.nodes[0];
    DiffView view{{source_.recording(), 0, 60, root.baseline},
                  {source_.recording(), 0, 60, root.value},
                  diff_,
                  model::GroupBy::kStack,
                  Show::kLive,
                  model::GroupSites(diff_.stacks, diff_.sites, model::GroupBy::kStack),
                  tree};
    SortByChange(view.groups);
    return view;
  }

  Json Document(std::size_t top) {
    std::string text;
    WriteDiffJson(View(), top, [&](std::string_view piece) { text += piece; });
    return Json::parse(text);
  }

  model::FakeSource source_;
  analysis::SessionDiff diff_;
};

TEST_F(DiffViewTest, RowsComeByTheSizeOfTheirChangeAndSayItsKind) {
  Add("grown", 100, 150);
  Add("gone", 400, 0);
  Add("new", 0, 300);
  Add("shrunk", 90, 80);
  Add("same", 1000, 1000);
  const Json json = Document(SIZE_MAX);
  EXPECT_EQ(json["schema"], "memwhy.diff/1");
  std::vector<std::string> kinds;
  for (const Json& row : json["rows"]) {
    kinds.push_back(row["change"]);
    EXPECT_EQ(row["change"], row["stack"][0]["function"]);
  }
  EXPECT_EQ(kinds, (std::vector<std::string>{"gone", "new", "grown", "shrunk", "same"}));
  EXPECT_EQ(json["rows"][0]["delta"]["bytes"], -400);
  EXPECT_EQ(json["rows"][1]["percent"], nullptr) << "of nothing";
  EXPECT_EQ(json["rows"][2]["percent"], 50.0);
  EXPECT_EQ(json["nodes"][0]["value"], json["totals"]["value"]);
  EXPECT_EQ(json["nodes"][0]["baseline"], json["totals"]["baseline"]);
}

TEST_F(DiffViewTest, WhatTopLeavesOutIsInTheRest) {
  Add("a", 100, 150);
  Add("b", 10, 20);
  Add("c", 1, 0);
  const Json json = Document(1);
  EXPECT_EQ(json["rows"].size(), 1u);
  EXPECT_EQ(json["rest"]["rows"], 2);
  EXPECT_EQ(json["rest"]["value"]["bytes"], 20);
  EXPECT_EQ(json["rest"]["baseline"]["bytes"], 11);
}

TEST_F(DiffViewTest, TextFitsATerminal) {
  Add(std::string(200, 'x'), 1023, 999'999'999'999);
  Add("gone", 999'999'999'999, 0);
  diff_.sites.push_back({{{}, {}, {}, model::kUnknownStack}, {5, 1}, {}});
  const std::string text = DiffText(View(), 10);
  for (const std::string_view line : SplitLines(text)) {
    EXPECT_EQ(ShortenLeft(std::string(line), kTerminalColumns), line);
  }
}

TEST_F(DiffViewTest, PageIsInertAndShowsSigns) {
  const std::string evil = "</script><img src=x onerror=alert(1)><!--";
  source_.mutable_recording().command = evil;
  diff_.warnings = {{"mode", evil}};
  Add(evil, 10, 20);
  Add("gone", 10, 0);
  const std::string html = DiffHtml(View(), 10);
  EXPECT_FALSE(Contains(html, "<img"));
  EXPECT_FALSE(Contains(html, "<!--"));
  EXPECT_FALSE(Contains(html, "style=\""));
  EXPECT_FALSE(Contains(html, "http:"));
  EXPECT_FALSE(Contains(html, "https:"));
  EXPECT_TRUE(Contains(html, "<td>+ grown</td>"));
  EXPECT_TRUE(Contains(html, "<td>\u2212 gone</td>"));
  EXPECT_TRUE(Contains(html, "Not comparable"));
}

TEST(ColumnsTest, ShortensByCharacters) {
  EXPECT_EQ(ShortenLeft("abc", 3), "abc");
  EXPECT_EQ(ShortenLeft("abcd", 3), "…cd");
  EXPECT_EQ(ShortenLeft("äöüä", 4), "äöüä");
  EXPECT_EQ(ShortenLeft("äöüäö", 3), "…äö");
  EXPECT_EQ(ShortenLeft("ab", 1), "…");
}

TEST(ViewTextTest, ChainsOfCallsStayInOneColumn) {
  model::FakeSource source;
  const std::vector<model::StackAmount> amounts = {
      {source.Stack({"leaf", "middle", "main"}), {100, 1}, {}}};
  const model::CallTree tree = model::BuildCallTree(source.stacks(), amounts);
  const ViewHead head{source.recording(), source.stacks(), 0, 60, Show::kLive, {100, 1}, {}, false};
  const std::string text = TreeText(head, tree, false);
  EXPECT_TRUE(Contains(text,
                       "\n    100 B  100.0 %    app.main  app.py:30\n"
                       "    100 B  100.0 %    app.middle  app.py:20\n"
                       "    100 B  100.0 %    app.leaf  app.py:10\n"))
      << text;
}

}  // namespace
}  // namespace memwhy::report
