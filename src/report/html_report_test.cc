// SPDX-License-Identifier: Apache-2.0
#include "report/html_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "analysis/fake_case.h"
#include "report/parts/html_style.h"
#include "report/parts/html_text.h"
#include "report/parts/sha256.h"

namespace memwhy::report {
namespace {

using analysis::FakeCase;
using testing::HasSubstr;
using testing::Not;

std::string Render(FakeCase& one, const std::string& function = "encode") {
  const model::StackId stack =
      one.Stack({"/srv/model.py:" + function + ":27", "/srv/app.py:score:44"});
  one.Leak(stack, 3 * FakeCase::kMiB);
  one.Holds(stack, FakeCase::DictOf("store", function, function));
  one.ledgers = {{"rss", "end", 60, 300, {{"python", function, 200, 200}}, 100, function}};
  const analysis::Verdict verdict = one.Judge();
  return HtmlReport({one.recording, verdict, one.ledgers, one.view, {}, "not in this test"});
}

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(Sha256Test, MatchesThePublishedValue) {
  EXPECT_EQ(ContentHash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  EXPECT_EQ(ContentHash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

TEST(HtmlReportTest, NeedsNoNetwork) {
  FakeCase one;
  const std::string html = Render(one);
  EXPECT_THAT(html, Not(HasSubstr("http:")));
  EXPECT_THAT(html, Not(HasSubstr("https:")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
  EXPECT_THAT(html, Not(HasSubstr("@import")));
  EXPECT_THAT(html, Not(HasSubstr("url(//")));
}

TEST(HtmlReportTest, PolicyAllowsOnlyThisStyle) {
  FakeCase one;
  const std::string html = Render(one);
  EXPECT_THAT(html, HasSubstr("default-src 'none'; style-src '" + ContentHash(kReportStyle) + "'"));
  EXPECT_THAT(html, Not(HasSubstr("unsafe-inline")));
  EXPECT_THAT(html, Not(HasSubstr("style=\"")));
}

TEST(HtmlReportTest, HostileNamesAreInert) {
  FakeCase one;
  one.recording.command = "python </title><script>alert(1)</script>";
  one.recording.host = "\"><img src=x onerror=alert(1)>";
  const std::string html = Render(one, "</script><img onerror=alert(1)>\"'&");
  EXPECT_EQ(Count(html, "<script"), 0u);
  EXPECT_EQ(Count(html, "<img"), 0u);
  EXPECT_EQ(Count(html, "</script"), 0u);
  EXPECT_THAT(html, HasSubstr("&lt;/script&gt;&lt;img onerror=alert(1)&gt;&quot;&#39;&amp;"));
}

TEST(HtmlReportTest, HasLandmarksHeadingsAndALanguage) {
  FakeCase one;
  const std::string html = Render(one);
  for (const char* part :
       {"<html lang=\"en\">", "<header>", "<nav aria-label", "<main id=\"main\">", "<footer>",
        "<h1>", "id=\"h-overview\"", "id=\"h-findings\"", "id=\"h-where\"", "id=\"h-about\"",
        "unattributed", "<svg viewBox", "seconds since the recording began", "growing"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_EQ(Count(html, "<h1"), 1u);
}

TEST(HtmlReportTest, AnEmptySessionIsAReportToo) {
  const model::Recording recording;
  const std::vector<model::Ledger> ledgers;
  const model::WindowView view;
  const analysis::Verdict verdict =
      analysis::Conclude(recording, model::StackTree(), view, ledgers, nullptr);
  const std::string html = HtmlReport({recording, verdict, ledgers, view, {}, ""});
  EXPECT_THAT(html, HasSubstr("inconclusive"));
  EXPECT_THAT(html, HasSubstr("No samples"));
}

TEST(EscapeTest, ControlCharactersAreReplaced) {
  EXPECT_EQ(Escape(std::string("a\x01"
                               "b\0c",
                               5)),
            "a\\x01b\\x00c");
}

}  // namespace
}  // namespace memwhy::report
