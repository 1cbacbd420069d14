// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/losses.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/path_groups.h"
#include "analysis/heap/type_rank.h"
#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

using model::FakeDump;
using model::ObjectGraph;
using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;
using wire::ShapeRest;

// A module app with one attribute, and what a test adds.
class LossHeap {
 public:
  LossHeap() {
    before_ = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "before"}});
    const auto head = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "head"}});
    module_ = dump.Type("module", 0, 72, 0x500000);
    thing_ = dump.Type("app.Thing", 0, 64, 0x501000);
    list_ = dump.Type("list", 0, 56, 0x502000);
    text_ = dump.Type("str", wire::kTypeIsLeaf, 100, 0x503000);
    dump.Object(module_, kApp, 1, {kFirst}, head);
    dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {kApp});
  }
  static constexpr std::uint64_t kApp = 0x1000;
  static constexpr std::uint64_t kFirst = 0x10000;
  static std::uint64_t At(std::uint64_t i) { return kFirst + i * 64; }

  // A Thing at `i` that refers to `to`.
  void Thing(std::uint64_t i, std::uint64_t references, const std::vector<std::uint64_t>& to = {}) {
    dump.Object(thing_, At(i), references, to, to.empty() ? std::nullopt : std::optional(before_));
  }
  void List(std::uint64_t i, std::uint64_t references, const std::vector<std::uint64_t>& to) {
    dump.Object(list_, At(i), references, to);
  }
  void Text(std::uint64_t i) { dump.Object(text_, At(i), 1); }

  ObjectGraph Read(const model::HolderScan& scan = {}) {
    dump.End();
    model::FakeDumpSource source(dump.bytes());
    auto graph = ObjectGraph::Load(source, scan);
    EXPECT_TRUE(graph);
    EXPECT_EQ(graph->damage(), "");
    return std::move(*graph);
  }

  FakeDump dump;

 private:
  std::uint32_t before_ = 0;
  std::uint32_t module_ = 0;
  std::uint32_t thing_ = 0;
  std::uint32_t list_ = 0;
  std::uint32_t text_ = 0;
};

struct Found {
  explicit Found(const ObjectGraph& graph) : paths(graph), tree(graph, paths), losses(tree) {}
  HeapPaths paths;
  HolderTree tree;
  Losses losses;
};

TEST(LossesTest, NothingIsLostThatAModuleHolds) {
  LossHeap heap;
  heap.Thing(0, 1, {LossHeap::At(1)});
  heap.Thing(1, 1);
  const ObjectGraph graph = heap.Read();
  const Found found(graph);
  EXPECT_TRUE(found.losses.all().empty());
  EXPECT_EQ(found.losses.Of(graph.Find(LossHeap::At(1))), Losses::kNone);
}

TEST(LossesTest, LostReferencesAreOneLossByTypeWithAllBelow) {
  LossHeap heap;
  heap.Thing(0, 1);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    heap.Thing(i, 1, {LossHeap::At(10 + i)});  // nobody refers to it
    heap.Text(10 + i);
  }
  model::HolderScan scan;
  scan.was_done = true;
  for (std::uint64_t i = 1; i <= 3; ++i) scan.objects.push_back({LossHeap::At(i), 0, 0, {}, 0, 0});
  const ObjectGraph graph = heap.Read(scan);
  const Found found(graph);
  ASSERT_EQ(found.losses.all().size(), 1u);
  const Loss& loss = found.losses.all()[0];
  EXPECT_EQ(loss.kind, LossKind::kReference);
  EXPECT_EQ(loss.type, "app.Thing");
  EXPECT_EQ(loss.count, 3u);
  EXPECT_EQ(loss.proof, ReferenceProof::kScanned);
  EXPECT_EQ(loss.bytes, 3u * (64 + 100));
  EXPECT_EQ(found.losses.Of(graph.Find(LossHeap::At(12))), 0u);
  EXPECT_EQ(found.losses.Of(graph.Find(LossHeap::At(0))), Losses::kNone);
  EXPECT_EQ(LossCounts(graph).CountOf(loss), 3u);
}

TEST(LossesTest, CyclesOfTheSameTypesAreOneLoss) {
  LossHeap heap;
  heap.Thing(0, 1);
  for (std::uint64_t i = 1; i <= 2; ++i) {
    heap.Thing(i, 1, {LossHeap::At(10 + i)});
    heap.List(10 + i, 1, {LossHeap::At(i), LossHeap::At(20 + i)});
    heap.Text(20 + i);
  }
  const ObjectGraph graph = heap.Read();
  const Found found(graph);
  ASSERT_EQ(found.losses.all().size(), 1u);
  const Loss& loss = found.losses.all()[0];
  EXPECT_EQ(loss.kind, LossKind::kCycle);
  EXPECT_EQ(loss.types, (std::vector<std::string>{"app.Thing", "list"}));
  EXPECT_EQ(loss.count, 2u);
  EXPECT_EQ(found.losses.Of(graph.Find(LossHeap::At(21))), 0u);
  EXPECT_EQ(LossCounts(graph).CountOf(loss), 2u);
}

TEST(LossesTest, ACycleBelowOneThatIsNeverFreedIsNotFreedEither) {
  LossHeap heap;
  heap.Thing(0, 1);
  const auto old = heap.dump.Type("ext.Old", wire::kTypeHasDel, 64, 0x509000);
  heap.dump.Object(old, LossHeap::At(1), 1, {LossHeap::At(1), LossHeap::At(2)});
  heap.List(2, 2, {LossHeap::At(3)});
  heap.List(3, 1, {LossHeap::At(2)});
  const ObjectGraph graph = heap.Read();
  const Garbage garbage = FindGarbage(graph);
  ASSERT_EQ(garbage.cycles.size(), 2u);
  EXPECT_EQ(garbage.cycles[0].why, CycleWhy::kUncollectable);
  EXPECT_EQ(garbage.cycles[1].why, CycleWhy::kUncollectable);
  // Both hang on the first one.
  EXPECT_EQ(garbage.head[graph.Find(LossHeap::At(3))], garbage.head[graph.Find(LossHeap::At(1))]);
}

TEST(PathGroupsTest, LinksOfAChainAreOneGroupAndHaveItsHead) {
  constexpr std::uint64_t kLinks = 100'000;
  LossHeap heap;
  for (std::uint64_t i = 0; i < kLinks; ++i) heap.Thing(i, 1, {LossHeap::At(i + 1)});
  heap.Thing(kLinks, 1);
  const ObjectGraph graph = heap.Read();
  const Found found(graph);
  PathGroups groups(found.tree);
  const auto deep = graph.Find(LossHeap::At(kLinks));
  EXPECT_EQ(groups.GroupOf(deep), groups.GroupOf(graph.Find(LossHeap::At(kLinks / 2))));
  EXPECT_NE(groups.GroupOf(deep), groups.GroupOf(graph.Find(LossHeap::kFirst)));
  EXPECT_EQ(groups.ChainHead(deep), graph.Find(LossHeap::kFirst));
  EXPECT_EQ(groups.ChainHead(graph.Find(LossHeap::kFirst)), HolderTree::kNone);
  EXPECT_EQ(found.paths.To(deep).text, "app.head.before (x 100,000)");
}

TEST(TypeRankTest, TheProgramsOwnClassesSayMost) {
  EXPECT_EQ(RankOf("__main__.Row"), TypeRank::kProgram);
  EXPECT_EQ(RankOf("httpx.AsyncClient"), TypeRank::kLibrary);
  EXPECT_EQ(RankOf("asyncio.events.Handle"), TypeRank::kStandardLibrary);
  EXPECT_EQ(RankOf("_thread.lock"), TypeRank::kStandardLibrary);
  EXPECT_EQ(RankOf("dict"), TypeRank::kInterpreter);
  EXPECT_EQ(RankOf("asyncioextra.Task"), TypeRank::kLibrary);
}

}  // namespace
}  // namespace memwhy::analysis
