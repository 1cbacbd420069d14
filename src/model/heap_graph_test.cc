// SPDX-License-Identifier: Apache-2.0
#include "model/heap_graph.h"

#include <gtest/gtest.h>

#include "model/fake_heap_graph.h"

namespace memwhy::model {
namespace {

using wire::Label;
using wire::RootKind;

// module app -> dict -> CACHE -> 'user' -> Store -> (inline attribute) history -> [3]
std::string AppFile() {
  FakeHeapGraph file;
  const auto app = file.Root(RootKind::kModuleGlobal, "app");
  const auto module = file.ObjectAtRoot(app, {}, "module", 0x1000, 72);
  const auto dict = file.ObjectBelow(module, {Label::kDict}, "dict", 0x2000, 232, 9);
  const auto cache = file.ObjectBelow(dict, {Label::kTextKey, "CACHE"}, "dict", 0x3000, 9000, 100);
  const auto store = file.ObjectBelow(cache, {Label::kTextKey, "user"}, "app.Store", 0x4000, 48);
  const auto history =
      file.ObjectBelow(store, {Label::kAttribute, "history"}, "list", 0x5000, 900, 100);
  const auto tensor = file.ObjectBelow(history, {Label::kIndex, "", 3}, "torch.Tensor", 0x6000, 72);
  file.BlockBelow(tensor, 0x7000, 4096, "N3c1010StorageImplE");
  const auto frame = file.Root(RootKind::kFrameLocal, "main");
  file.ObjectAtRoot(frame, {Label::kLocal, "queue"}, "collections.deque", 0x8000, 600, 4);
  return file.Finish();
}

TEST(HeapGraphTest, PathsReadLikeCode) {
  const auto graph = HeapGraph::Parse(AppFile());
  ASSERT_TRUE(graph) << graph.error().message();
  EXPECT_EQ(graph->damage(), "");
  EXPECT_EQ(graph->objects(), 7u);
  EXPECT_EQ(graph->PathText(5), "app.CACHE['user'].history[3]");
  EXPECT_EQ(graph->Path(5),
            (std::vector<std::string>{"module app", ".CACHE", "['user']", ".history", "[3]"}));
  EXPECT_EQ(graph->type_name(graph->node(6)), "N3c1010StorageImplE");
  EXPECT_EQ(graph->PathText(7), "main().queue");
  EXPECT_EQ(RootKindName(graph->RootOf(7).kind), std::string("frame local"));
}

TEST(HeapGraphTest, DamageAnywhereIsSaidAndNothingBeforeItIsLost) {
  const std::string whole = AppFile();
  for (std::size_t cut = 12; cut + 1 < whole.size(); ++cut) {
    const auto graph = HeapGraph::Parse(whole.substr(0, cut));
    ASSERT_TRUE(graph);
    EXPECT_NE(graph->damage(), "") << "cut at " << cut;
    for (std::uint32_t i = 0; i < graph->nodes().size(); ++i) graph->PathText(i);
  }
  EXPECT_FALSE(HeapGraph::Parse(whole.substr(0, 11)));
}

TEST(HeapGraphTest, EveryFlippedByteIsHarmless) {
  const std::string whole = AppFile();
  for (std::size_t at = 12; at < whole.size(); ++at) {
    for (const char value : {'\0', '\x7f', '\xff', '\x01'}) {
      std::string file = whole;
      file[at] = value;
      const auto graph = HeapGraph::Parse(file);
      ASSERT_TRUE(graph);
      for (std::uint32_t i = 0; i < graph->nodes().size(); ++i) graph->PathText(i);
    }
  }
}

}  // namespace
}  // namespace memwhy::model
