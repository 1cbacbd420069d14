// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "analysis/heap/autograd_graphs.h"
#include "analysis/heap/tensor_rows.h"
#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

using model::FakeDump;
using model::ObjectGraph;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;
using wire::EdgeKind;
using wire::TorchKind;
using Shape = std::vector<std::pair<EdgeKind, std::string_view>>;

constexpr std::uint64_t kTensorObject = 0x7f0000010010;
constexpr std::uint64_t kBase = 0x600000001000;

// A module with a tensor; its grad_fn AddBackward0 leads to MulBackward0, which saved a tensor of
// 400 bytes twice, and to AccumulateGrad. A storage of 64 bytes is nobody's.
class TorchGraphsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto module = dump_.Type("module", 0, 72, 0x7f0000000100);
    const auto tensor = dump_.Type("torch.Tensor", 0, 80, 0x7f0000000200);
    const auto names = dump_.Shape(wire::ShapeRest::kPlain, {{EdgeKind::kAttribute, "loss"}});
    dump_.Object(module, model::kModuleObject, 1, {kTensorObject}, names);
    dump_.Object(tensor, kTensorObject, 1, {At(0)});
    dump_.Root(wire::DumpRoot::kModule, wire::RootCounts::kEach, "app", {model::kModuleObject});
    for (const char* name :
         {"N3c1010TensorImplE", "N3c1011StorageImplE", "N5torch8autograd9generated12AddBackward0E",
          "N5torch8autograd9generated12MulBackward0E", "N5torch8autograd14AccumulateGradE"}) {
      dump_.NativeType(name);
    }
    Put(TorchKind::kTensor, 0, 1, {{"untyped_storage()", 10}, {"grad_fn", 2}});
    Put(TorchKind::kNode, 2, 3, {{"next_functions[0][0]", 3}, {"next_functions[1][0]", 4}});
    Put(TorchKind::kNode, 3, 4, {{"saved", 5}, {"saved", 6}, {"next_functions[0][0]", 4}});
    Put(TorchKind::kNode, 4, 5, {{"variable", 7}});
    Put(TorchKind::kTensor, 5, 1, {{"untyped_storage()", 11}});
    Put(TorchKind::kTensor, 6, 1, {{"untyped_storage()", 11}});
    Put(TorchKind::kTensor, 7, 1, {{"untyped_storage()", 12}});
    PutStorage(10, 4, true);
    PutStorage(11, 400, true);
    PutStorage(12, 20, true);
    PutStorage(13, 64, false);
    dump_.End();
    model::FakeDumpSource source(dump_.bytes());
    auto loaded = ObjectGraph::Load(source);
    ASSERT_TRUE(loaded) << loaded.error().message();
    graph_ = std::move(*loaded);
    EXPECT_EQ(graph_.damage(), "");
    Fill();
  }
  static std::uint64_t At(std::uint64_t number) { return kBase + 256 * number; }
  void Put(TorchKind kind, std::uint64_t number, std::uint32_t type,
           const std::vector<std::pair<std::string_view, std::uint64_t>>& edges) {
    Shape labels;
    std::vector<std::uint64_t> targets;
    for (const auto& [label, target] : edges) {
      labels.emplace_back(EdgeKind::kAttribute, label);
      targets.push_back(At(target));
    }
    const auto shape = dump_.Shape(wire::ShapeRest::kPlain, labels);
    model::DumpTorch torch;
    torch.kind = kind;
    torch.address = At(number);
    torch.native_type = type;
    torch.words = {1, 2, 3};
    dump_.Torch(torch, targets, shape);
  }
  void PutStorage(std::uint64_t number, std::uint64_t bytes, bool is_reached) {
    model::DumpTorch torch;
    torch.kind = TorchKind::kStorage;
    torch.address = At(number);
    torch.native_type = 2;
    torch.data = At(number + 100);
    torch.data_bytes = bytes;
    torch.device.index = 0xff;
    torch.is_owned = true;
    torch.is_reached = is_reached;
    dump_.Torch(torch, {At(number + 100)});
    dump_.Buffer(At(number + 100), bytes, wire::BufferKind::kStorage);
  }
  // As the probe has them.
  void Fill() {
    facts_.has_tensors = true;
    for (const std::uint64_t number : {0, 5, 6, 7}) {
      model::TorchTensor tensor;
      tensor.node = graph_.Find(At(number));
      tensor.storage = graph_.Find(At(number == 0 ? 10 : number == 7 ? 12 : 11));
      if (number == 0) tensor.grad_fn = graph_.Find(At(2));
      facts_.tensors.push_back(tensor);
    }
    for (const auto& [number, bytes] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {10, 4}, {11, 400}, {12, 20}, {13, 64}}) {
      model::TorchStorage storage;
      storage.node = graph_.Find(At(number));
      storage.memory = graph_.Find(At(number + 100));
      storage.address = At(number);
      storage.data = At(number + 100);
      storage.bytes = bytes;
      storage.device = "cpu";
      storage.is_reached = number != 13;
      facts_.storages.push_back(storage);
    }
    for (const std::uint64_t number : {2, 3, 4}) facts_.nodes.push_back(graph_.Find(At(number)));
  }

  FakeDump dump_;
  ObjectGraph graph_;
  model::TorchFacts facts_;
};

TEST_F(TorchGraphsTest, AGraphBeginsWhereNoNodeLeads) {
  const HeapPaths paths(graph_);
  const AutogradForest forest = FindAutogradGraphs(graph_, facts_, paths);
  ASSERT_EQ(forest.graphs.size(), 1u);
  const AutogradGraph& graph = forest.graphs[0];
  EXPECT_EQ(graph_.address(graph.root), At(2));
  EXPECT_EQ(graph.holder.text, "app.loss.grad_fn");
  EXPECT_TRUE(graph.holder.is_invisible_to_gc);
  EXPECT_EQ(graph.nodes, 3u);
  EXPECT_EQ(graph.depth, 3u);
  EXPECT_EQ(graph.saved_tensors, 2u);
  EXPECT_EQ(graph.saved_bytes, 400u);  // one storage
  EXPECT_THAT(graph.node_types,
              UnorderedElementsAre(Pair("AddBackward0", 1), Pair("MulBackward0", 1),
                                   Pair("AccumulateGrad", 1)));
  EXPECT_EQ(forest.totals.graphs, 1u);
  EXPECT_EQ(forest.totals.nodes, 3u);
  EXPECT_EQ(forest.totals.saved_bytes, 400u);
}

TEST_F(TorchGraphsTest, AStorageIsARowWhateverItsTensors) {
  const HeapPaths paths(graph_);
  const TensorTable table = MakeTensorTable(graph_, facts_, paths);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_EQ(table.rows[0].storage->bytes, 400u);
  EXPECT_EQ(table.rows[0].tensors, 2u);
  EXPECT_FALSE(table.rows[0].is_dark);
  EXPECT_TRUE(table.rows[0].owner.text.starts_with("app.loss.grad_fn.next_functions[0][0].saved"))
      << table.rows[0].owner.text;
  EXPECT_TRUE(table.rows[1].is_dark);
  EXPECT_EQ(table.rows[1].storage->bytes, 64u);
  EXPECT_EQ(table.rows[3].grad_fn, "AddBackward0");
  EXPECT_EQ(table.totals.tensors, 4u);
  EXPECT_EQ(table.totals.dark_bytes, 64u);
  EXPECT_THAT(table.totals.bytes, ElementsAre(Pair("cpu", 488u)));
  std::vector<std::string> names;
  for (const TensorRow& row : table.rows) names.push_back(OwnerGroup(row));
  const auto groups = GroupTensors(table, names);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].name, "app.loss");
  EXPECT_EQ(groups[0].bytes, 424u);
  EXPECT_EQ(groups[1].name, "(dark)");
}

TEST_F(TorchGraphsTest, EveryCutAndFlippedByteIsReadUpToTheDamage) {
  const std::vector<std::uint8_t>& bytes = dump_.bytes();
  for (std::size_t i = 9; i < bytes.size(); ++i) {
    model::FakeDumpSource cut({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i)}, 7);
    const auto graph = ObjectGraph::Load(cut);
    if (graph) {
      EXPECT_NE(graph->damage(), "") << i;
    }
    for (const std::uint8_t bit : {0x01, 0x10, 0x80}) {
      std::vector<std::uint8_t> flipped = bytes;
      flipped[i] ^= bit;
      model::FakeDumpSource source(std::move(flipped));
      const auto read = ObjectGraph::Load(source);
      if (read) {
        EXPECT_LE(read->objects(), bytes.size());
      }
    }
  }
}

}  // namespace
}  // namespace memwhy::analysis
