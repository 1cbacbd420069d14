// SPDX-License-Identifier: Apache-2.0
//
// The stream of a heap dump: the graph it makes, every label, the graph algorithms, both exports,
// and what it says as a census. Magic and version are put in front unless the first byte is 0xff.
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "analysis/graph/components.h"
#include "analysis/graph/dominators.h"
#include "analysis/graph/shortest_paths.h"
#include "analysis/heap/autograd_graphs.h"
#include "analysis/heap/heap_growth.h"
#include "analysis/heap/tensor_rows.h"
#include "export/heap/hprof.h"
#include "export/heap/v8_snapshot.h"
#include "fuzz_input.h"
#include "model/heap/fake_dump.h"
#include "model/heap/object_graph.h"
#include "model/heap/type_census.h"
#include "probes/torch/torch_facts_reader.h"

namespace {

using namespace memwhy;
using model::ObjectGraph;

class CountingSink : public exports::Sink {
 public:
  std::uint64_t bytes = 0;

 protected:
  Result<void> Append(std::string_view part) override {
    bytes += part.size();
    return {};
  }
  Result<void> AppendZeros(std::uint64_t zeros) override {
    bytes += zeros;
    return {};
  }
};

void CheckGraph(const ObjectGraph& graph) {
  MEMWHY_FUZZ_EXPECT(graph.begin().size() == std::size_t{graph.size()} + 1);
  MEMWHY_FUZZ_EXPECT(graph.begin().back() == graph.targets().size());
  for (ObjectGraph::Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    MEMWHY_FUZZ_EXPECT(graph.IsBuffer(node) || graph.DeviceOf(node).empty());
    MEMWHY_FUZZ_EXPECT(graph.IsObject(node) || !graph.TypeName(node).empty());
  }
  for (ObjectGraph::Node node = 0; node < graph.size(); ++node) {
    MEMWHY_FUZZ_EXPECT(graph.begin()[node] <= graph.begin()[node + 1]);
    const auto targets = graph.Targets(node);
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      MEMWHY_FUZZ_EXPECT(targets[i] < graph.size());
      const ObjectGraph::Label label = graph.LabelOf(node, i);
      MEMWHY_FUZZ_EXPECT(label.key == ObjectGraph::kNone || label.key < graph.size());
    }
  }
  for (const auto& [source, target] : graph.weak()) {
    MEMWHY_FUZZ_EXPECT(source < graph.size() && target < graph.size());
  }
}

void CheckAlgorithms(const ObjectGraph& graph) {
  const analysis::Csr csr{graph.begin(), graph.targets()};
  const auto dominators = analysis::FindDominators(csr);
  const auto paths = analysis::FindShortestPaths(csr, {});
  for (std::uint32_t node = 0; node < graph.size(); ++node) {
    const bool is_reached = dominators.idom[node] != analysis::kNoNode;
    MEMWHY_FUZZ_EXPECT(is_reached == (paths.parent[node] != analysis::kNoNode));
  }
  const auto components = analysis::FindComponents(csr);
  MEMWHY_FUZZ_EXPECT(components.count <= graph.size());
}

void CheckCensus(model::FakeDumpSource& source) {
  const auto census = model::ReadTypeCensus(source);
  if (!census) return;
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;
  for (const model::TypeCensus::Pair& pair : census->pairs) {
    MEMWHY_FUZZ_EXPECT(pair.referrer < census->types.size());
    MEMWHY_FUZZ_EXPECT(pair.referent < census->types.size());
    MEMWHY_FUZZ_EXPECT(pairs.emplace(pair.referrer, pair.referent).second);
  }
  const model::TypeCensus twice[] = {*census, *census};
  const analysis::HeapGrowth growth = analysis::FindTypeGrowth(twice);
  MEMWHY_FUZZ_EXPECT(growth.pairs.size() == census->pairs.size());
  for (const auto& pair : growth.pairs) MEMWHY_FUZZ_EXPECT(!pair.grows);
  const model::TypeCensus grown[] = {model::TypeCensus(), *census};
  MEMWHY_FUZZ_EXPECT(analysis::FindTypeGrowth(grown).slice.size() <= 10);
}

void CheckTorch(model::FakeDumpSource& source, const ObjectGraph& graph) {
  const auto facts = probes::ReadTorchFacts(source, graph);
  if (!facts) return;
  const analysis::HeapPaths paths(graph);
  const analysis::TensorTable table = analysis::MakeTensorTable(graph, *facts, paths);
  MEMWHY_FUZZ_EXPECT(table.rows.size() == facts->storages.size());
  const analysis::AutogradForest forest = analysis::FindAutogradGraphs(graph, *facts, paths);
  for (const analysis::AutogradGraph& one : forest.graphs) {
    MEMWHY_FUZZ_EXPECT(one.nodes >= one.depth && one.depth >= 1);
    MEMWHY_FUZZ_EXPECT(one.nodes <= facts->nodes.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(fuzz::AsText(data, size));
  if (!bytes.empty() && bytes[0] == '\xff') {
    bytes.erase(0, 1);
  } else {
    bytes.insert(0, std::string(wire::kDumpMagic, sizeof(wire::kDumpMagic)) +
                        static_cast<char>(wire::kDumpVersion));
  }
  // In pieces, so that records are cut.
  model::FakeDumpSource source({bytes.begin(), bytes.end()}, 37);
  CheckCensus(source);
  const auto graph = ObjectGraph::Load(source);
  if (!graph) return 0;
  CheckGraph(*graph);
  CheckAlgorithms(*graph);
  CheckTorch(source, *graph);
  exports::StringSink snapshot;
  MEMWHY_FUZZ_EXPECT(exports::WriteV8Snapshot(*graph, snapshot).has_value());
  MEMWHY_FUZZ_EXPECT(nlohmann::json::accept(snapshot.text()));
  CountingSink hprof;
  static_cast<void>(exports::WriteHprof(*graph, hprof).has_value());
  return 0;
}
