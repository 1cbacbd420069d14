// SPDX-License-Identifier: Apache-2.0
#include "analysis/find_holders.h"

#include <gtest/gtest.h>

#include "model/fake_heap_graph.h"

namespace memwhy::analysis {
namespace {

using model::FakeHeapGraph;
using model::HeapGraph;
using wire::Label;
using wire::RootKind;

constexpr std::uint64_t kFirstBlock = 0x100000;

struct App {
  FakeHeapGraph file;
  std::uint32_t dict;
  App() {
    const auto root = file.Root(RootKind::kModuleGlobal, "app");
    const auto module = file.ObjectAtRoot(root, {}, "module", 0x1000, 72);
    dict = file.ObjectBelow(module, {Label::kDict}, "dict", 0x2000, 232, 9);
  }
};

HeapGraph Read(FakeHeapGraph& file) {
  auto graph = HeapGraph::Parse(file.Finish());
  EXPECT_TRUE(graph);
  return std::move(*graph);
}

HolderReport Find(const HeapGraph* before, const HeapGraph& last, double seconds,
                  const model::WindowView& view,
                  const std::vector<model::LiveBlock>* live = nullptr) {
  return FindHolders({before, &last, seconds, model::ProcessId{0}, &view, live});
}

model::WindowView ViewOf(std::size_t blocks) {
  model::WindowView view;
  model::StackGrowth growth;
  growth.stack = model::StackId{3};
  for (std::size_t i = 0; i < blocks; ++i) {
    growth.sample.push_back({kFirstBlock + i * 0x1000, 4096, 1.0});
  }
  view.stacks.push_back(growth);
  return view;
}

TEST(FindHoldersTest, TheDictThatAllSurvivorsShareIsTheHolder) {
  App app;
  const auto cache =
      app.file.ObjectBelow(app.dict, {Label::kTextKey, "CACHE"}, "dict", 0x3000, 9000, 10);
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto tensor =
        app.file.ObjectBelow(cache, {Label::kNumberKey, "", static_cast<std::int64_t>(i)},
                             "torch.Tensor", 0x4000 + i * 64, 72);
    const auto impl = app.file.BlockBelow(tensor, 0x9000 + i * 64, 192, "N3c1010TensorImplE");
    app.file.BlockBelow(impl, kFirstBlock + i * 0x1000, 4096);
  }
  const HolderReport report = Find(nullptr, Read(app.file), 0, ViewOf(10));
  ASSERT_EQ(report.stacks.size(), 1u);
  const StackHolder& holder = report.stacks[0];
  EXPECT_EQ(holder.found, 10u);
  EXPECT_EQ(holder.agreeing, 10u);
  ASSERT_TRUE(holder.holder);
  EXPECT_EQ(holder.holder->holder_text, "app.CACHE");
  EXPECT_EQ(holder.holder->holder_type, "dict");
  EXPECT_EQ(holder.holder->holder_length, 10u);
  EXPECT_EQ(holder.holder->held_type, "torch.Tensor");
  EXPECT_TRUE(holder.holder->invisible_to_gc);
  EXPECT_FALSE(holder.holder->through_graph);
}

TEST(FindHoldersTest, AnAutogradGraphBelowTheHolderIsSeen) {
  App app;
  const auto list =
      app.file.ObjectBelow(app.dict, {Label::kTextKey, "LOSSES"}, "list", 0x3000, 9000, 4);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto tensor =
        app.file.ObjectBelow(list, {Label::kIndex, "", static_cast<std::int64_t>(i)},
                             "torch.Tensor", 0x4000 + i * 64, 72);
    const auto node = app.file.BlockBelow(tensor, 0x9000 + i * 256, 192,
                                          "N5torch8autograd9generated12AddmmBackwardE");
    app.file.BlockBelow(node, kFirstBlock + i * 0x1000, 4096);
  }
  const HolderReport report = Find(nullptr, Read(app.file), 0, ViewOf(4));
  ASSERT_TRUE(report.stacks.at(0).holder);
  EXPECT_TRUE(report.stacks[0].holder->through_graph);
  EXPECT_EQ(report.stacks[0].holder->holder_text, "app.LOSSES");
}

TEST(FindHoldersTest, ABufferThatGrowsInPlaceNamesItsContainer) {
  App app;
  const auto list = app.file.ObjectBelow(app.dict, {Label::kTextKey, "LOG"}, "list", 0x3000, 900000,
                                         100000, kFirstBlock);
  app.file.BlockBelow(list, kFirstBlock, 4096);
  const std::vector<model::LiveBlock> live = {
      {kFirstBlock, 4096, model::StackId{7}, wire::Allocator::kRealloc, model::ThreadId{0}, 1.0}};
  const HolderReport report = Find(nullptr, Read(app.file), 0, ViewOf(1), &live);
  ASSERT_TRUE(report.stacks.at(0).holder);
  EXPECT_EQ(report.stacks[0].holder->holder_text, "app.LOG");
  EXPECT_EQ(report.stacks[0].holder->filled_from, model::StackId{7});
}

TEST(FindHoldersTest, UnreachableSurvivorsHaveNoHolder) {
  App app;
  const HolderReport report = Find(nullptr, Read(app.file), 0, ViewOf(5));
  EXPECT_FALSE(report.stacks.at(0).holder);
  EXPECT_EQ(report.stacks[0].found, 0u);
  EXPECT_NE(report.stacks[0].why_not, "");
}

TEST(FindHoldersTest, PooledObjectsAreFoundByTypeBetweenTwoGraphs) {
  App before;
  before.file.ObjectBelow(before.dict, {Label::kTextKey, "SEEN"}, "dict", 0x3000, 200, 0);
  App last;
  const auto seen =
      last.file.ObjectBelow(last.dict, {Label::kTextKey, "SEEN"}, "dict", 0x3000, 99000, 500);
  for (std::uint64_t i = 0; i < 500; ++i) {
    last.file.ObjectBelow(seen, {Label::kTextKey, "k"}, "tuple", 0x50000 + i * 64, 56, 2);
  }
  const HeapGraph first = Read(before.file);
  const HolderReport report = Find(&first, Read(last.file), 20, model::WindowView{});
  ASSERT_FALSE(report.types.empty());
  const auto tuple = std::find_if(report.types.begin(), report.types.end(),
                                  [](const TypeGrowth& t) { return t.type == "tuple"; });
  ASSERT_NE(tuple, report.types.end());
  EXPECT_EQ(tuple->after - tuple->before, 500u);
  EXPECT_EQ(tuple->agreeing, 500u);
  ASSERT_TRUE(tuple->holder);
  EXPECT_EQ(tuple->holder->holder_text, "app.SEEN");
}

}  // namespace
}  // namespace memwhy::analysis
