// SPDX-License-Identifier: Apache-2.0
#include "model/sites/stack_tree.h"

#include <gtest/gtest.h>

#include "model/sites/fake_source.h"

namespace memwhy::model {
namespace {

Frame AppFrame(const char* function, int line, const char* module = "app") {
  return Frame{function, module, "/srv/app.py", line, Language::kPython};
}

TEST(StackTreeTest, EqualStacksHaveEqualIds) {
  StackTree tree;
  const FrameId main = tree.InternFrame(AppFrame("main", 3));
  const FrameId put = tree.InternFrame(AppFrame("put", 9));
  const StackId first = tree.InternStack(tree.InternStack(kNoPython, main), put);
  const StackId second =
      tree.InternStack(tree.InternStack(kNoPython, tree.InternFrame(AppFrame("main", 3))), put);
  EXPECT_EQ(first, second);
  EXPECT_EQ(tree.frame_count(), 2u);
  EXPECT_EQ(tree.Frames(first), (std::vector<FrameId>{put, main}));
  EXPECT_EQ(tree.leaf(first).function, "put");
}

TEST(StackTreeTest, OtherLineIsAnotherFrame) {
  StackTree tree;
  EXPECT_NE(tree.InternFrame(AppFrame("main", 3)), tree.InternFrame(AppFrame("main", 4)));
}

TEST(StackTreeTest, ReservedStacksHaveNoFrames) {
  const StackTree tree;
  for (const StackId id : {kNoPython, kUnknownStack, kTruncatedRoot}) {
    EXPECT_FALSE(tree.has_frames(id));
    EXPECT_TRUE(tree.Frames(id).empty());
  }
}

TEST(StackTreeTest, OnlyStacksBelowTheTruncatedRootAreTruncated) {
  StackTree tree;
  const FrameId main = tree.InternFrame(AppFrame("main", 3));
  EXPECT_TRUE(tree.is_truncated(tree.InternStack(kTruncatedRoot, main)));
  EXPECT_FALSE(tree.is_truncated(tree.InternStack(kNoPython, main)));
}

TEST(StackTreeTest, LateModuleReachesAllLinesOfTheFunction) {
  StackTree tree;
  const FrameId a = tree.InternFrame(AppFrame("main", 3, ""));
  const FrameId b = tree.InternFrame(AppFrame("main", 4, ""));
  const FrameId other = tree.InternFrame(AppFrame("put", 4, ""));
  tree.SetModule(a, "app");
  EXPECT_EQ(tree.frame(b).module, "app");
  EXPECT_EQ(tree.frame(other).module, "");
  EXPECT_EQ(tree.InternFrame(AppFrame("main", 3)), a);
  EXPECT_EQ(tree.InternFrame(AppFrame("main", 3, "")), a);
}

TEST(StackTreeTest, SameTextInTwoModulesIsTwoFramesWhereTheFileNamesNone) {
  StackTree tree;
  const FrameId a = tree.InternFrame({"<module>", "a", "<string>", 1, Language::kPython});
  const FrameId b = tree.InternFrame({"<module>", "", "<string>", 1, Language::kPython});
  EXPECT_NE(a, b);
}

TEST(FakeSourceTest, BuildsStacksLeafFirst) {
  FakeSource source;
  const StackId stack = source.Stack({"put", "handle"});
  EXPECT_EQ(source.stacks().leaf(stack).function, "put");
  EXPECT_EQ(source.stacks().leaf(source.stacks().parent(stack)).function, "handle");
}

}  // namespace
}  // namespace memwhy::model
