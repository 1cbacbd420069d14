// SPDX-License-Identifier: Apache-2.0
//
// What the graph algorithms of src/analysis/graph cost on graphs of known shapes.
// usage: graph_benchmark [NODES[,NODES...] [SHAPE...]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/graph/components.h"
#include "analysis/graph/dominators.h"
#include "analysis/graph/fake_graph.h"
#include "analysis/graph/retained.h"
#include "analysis/graph/shortest_paths.h"
#include "counted_memory.h"

namespace memwhy::benchmark {
namespace {

using analysis::Csr;
using analysis::Dice;
using analysis::Dominators;
using analysis::FakeGraph;

constexpr int kRounds = 3;

struct Shape {
  const char* name;
  std::function<FakeGraph(std::uint32_t nodes, Dice& dice)> make;
};

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> shapes = {
      {"python-like", [](auto nodes, Dice& dice) { return PythonLikeGraph(nodes, dice); }},
      {"linked-chain", [](auto nodes, Dice& dice) { return LinkedChain(nodes, dice); }},
      {"random", [](auto nodes,
                    Dice& dice) { return RandomGraph(nodes, std::uint64_t{nodes} * 5 / 2, dice); }},
      {"shared-end",
       [](auto nodes, Dice&) { return analysis::ChainWithSharedEnd(nodes / 2, nodes / 2); }},
      {"star", [](auto nodes, Dice&) { return analysis::StarGraph(nodes); }},
      {"chain", [](auto nodes, Dice& dice) { return analysis::TreeGraph(nodes, 1, dice); }},
  };
  return shapes;
}

// The least CPU time of some rounds, and the most memory that the work held above what was there
// before.
void Measure(const char* what, const FakeGraph& graph, const std::function<void()>& work) {
  double best = 1e9;
  std::uint64_t bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    ResetPeak();
    const std::uint64_t before = LiveBytes();
    const std::clock_t begun = std::clock();
    work();
    best = std::min(best, static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC);
    bytes = PeakBytes() - before;
  }
  fmt::print("  {:<28} {:>8.3f} s {:>7.1f} Mnodes/s {:>6.1f} bytes/node\n", what, best,
             graph.nodes() / best / 1e6, static_cast<double>(bytes) / graph.nodes());
  std::fflush(stdout);
}

void MeasureShape(const Shape& shape, std::uint32_t nodes) {
  Dice dice(1);
  FakeGraph graph = shape.make(nodes, dice);
  const Csr& csr = graph.csr();
  fmt::print("{}: {} nodes, {} edges\n", shape.name, graph.nodes(), graph.edges());

  Measure("dominators", graph, [&] { FindDominators(csr); });
  Dominators dominators = FindDominators(csr);
  fmt::print("  ({:.1f} % of the nodes reached)\n",
             100.0 * static_cast<double>(dominators.preorder.size()) / graph.nodes());
  {
    std::vector<std::vector<std::uint64_t>> sizes(3, std::vector<std::uint64_t>(graph.nodes(), 48));
    std::vector<std::uint32_t> objects(graph.nodes(), 1);
    const std::vector<std::span<std::uint64_t>> columns(sizes.begin(), sizes.end());
    Measure("retained, 3 sizes, objects", graph, [&] { Retain(dominators, columns, objects); });
  }
  dominators = {};
  Measure("components", graph, [&] { FindComponents(csr); });
  std::vector<std::uint8_t> costs(csr.target.size());
  for (auto& cost : costs) cost = static_cast<std::uint8_t>(dice.Below(4));
  Measure("shortest paths, costs 0 to 3", graph, [&] { FindShortestPaths(csr, costs); });
}

int Main(int argc, char** argv) {
  std::vector<std::uint32_t> sizes;
  const std::string list = argc > 1 ? argv[1] : "10000000";
  for (const char* text = list.c_str(); *text != '\0';) {
    char* end = nullptr;
    const unsigned long nodes = std::strtoul(text, &end, 10);
    if (end == text || nodes < 16 || nodes > 1'000'000'000 || (*end != '\0' && *end != ',')) {
      fmt::print(stderr, "graph_benchmark: not a list of node numbers: {}\n", list);
      return 2;
    }
    sizes.push_back(static_cast<std::uint32_t>(nodes));
    text = *end == ',' ? end + 1 : end;
  }
  std::vector<Shape> chosen;
  for (int i = 2; i < argc; ++i) {
    for (const Shape& shape : Shapes()) {
      if (std::string_view(argv[i]) == shape.name) chosen.push_back(shape);
    }
    if (chosen.size() != static_cast<std::size_t>(i - 1)) {
      fmt::print(stderr, "graph_benchmark: no shape {}\n", argv[i]);
      return 2;
    }
  }
  if (chosen.empty()) chosen = Shapes();
  for (const std::uint32_t nodes : sizes) {
    for (const Shape& shape : chosen) MeasureShape(shape, nodes);
  }
  return 0;
}

}  // namespace
}  // namespace memwhy::benchmark

int main(int argc, char** argv) { return memwhy::benchmark::Main(argc, argv); }
