// SPDX-License-Identifier: Apache-2.0
#include "report/views/flamegraph_html.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "model/sites/fake_source.h"

namespace memwhy::report {
namespace {

Json DocumentOf(model::FakeSource& source, const std::vector<model::StackAmount>& amounts) {
  const model::CallTree tree = model::BuildCallTree(source.stacks(), amounts);
  return FlamegraphJson({source.recording(), source.stacks(), tree, 0, 60, "live", true});
}

TEST(FlamegraphTest, NodesAreFlatAndParentsComeFirst) {
  model::FakeSource source;
  const Json json = DocumentOf(source, {{source.Stack({"put", "main"}), {100, 2}, {40, 1}},
                                        {model::kUnknownStack, {5, 1}, {}}});
  EXPECT_EQ(json["schema"], "memwhy.flamegraph/1");
  ASSERT_EQ(json["nodes"].size(), 4u);
  EXPECT_EQ(json["nodes"][0]["kind"], "root");
  EXPECT_EQ(json["nodes"][0]["value"], 105);
  EXPECT_EQ(json["nodes"][0]["baseline"], 40);
  EXPECT_EQ(json["nodes"][0]["parent"], nullptr);
  EXPECT_EQ(json["frames"][json["nodes"][2]["frame"].get<std::size_t>()]["function"], "put");
  EXPECT_EQ(json["nodes"][2]["self"], 100);
  EXPECT_EQ(json["nodes"][3]["kind"], "unknown_stack");
}

TEST(FlamegraphTest, NoStringOfTheRecordingBecomesMarkup) {
  model::FakeSource source;
  const std::string evil = "</script><img src=x onerror=alert(1)><!--";
  source.mutable_recording().command = evil;
  const std::vector<model::Frame> frames = {{evil, evil, evil, 1, model::Language::kPython}};
  const std::string html =
      FlamegraphHtml(DocumentOf(source, {{source.Stack(frames), {100, 1}, {}}}));
  EXPECT_FALSE(Contains(html, "<img"));
  EXPECT_FALSE(Contains(html, "<!--"));
  std::size_t closed = 0;
  for (std::size_t at = html.find("</script>"); at != std::string::npos;
       at = html.find("</script>", at + 1)) {
    ++closed;
  }
  EXPECT_EQ(closed, 2u) << "the data element and our own script";
}

TEST(FlamegraphTest, PageAsksNobodyForAnything) {
  model::FakeSource source;
  const std::string html = FlamegraphHtml(DocumentOf(source, {}));
  EXPECT_TRUE(Contains(html, "default-src 'none'"));
  EXPECT_FALSE(Contains(html, "http://"));
  EXPECT_FALSE(Contains(html, "https://"));
  EXPECT_FALSE(Contains(html, "innerHTML"));
  EXPECT_FALSE(Contains(html, "style=\""));
}

}  // namespace
}  // namespace memwhy::report
