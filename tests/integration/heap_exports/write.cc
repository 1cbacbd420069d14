// SPDX-License-Identifier: Apache-2.0
//
// Writes heaps in each export format, and what they hold as JSON, for test_heap_exports.py: a small
// heap with every kind of edge and hostile names, and random ones. usage: heap_exports FOLDER
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "analysis/graph/dominators.h"
#include "export/heap/fake_heap.h"
#include "export/heap/hprof.h"
#include "export/heap/v8_snapshot.h"
#include "export/text.h"

namespace memwhy::exports {
namespace {

using model::ObjectGraph;

// By object: address, type, bytes, targets as positions, and the position of the dominator; -1 is
// the root, null an object that no root reaches.
nlohmann::json Facts(const ObjectGraph& graph) {
  const auto dominators = analysis::FindDominators({graph.begin(), graph.targets()});
  nlohmann::json objects = nlohmann::json::array();
  for (std::uint32_t node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    nlohmann::json targets = nlohmann::json::array();
    for (const std::uint32_t target : graph.Targets(node)) {
      if (target != ObjectGraph::kNothing) targets.push_back(target - ObjectGraph::kFirst);
    }
    const std::uint32_t idom = dominators.idom[node];
    nlohmann::json dominator;
    if (idom != analysis::kNoNode) {
      const bool is_object = idom >= ObjectGraph::kFirst && idom < graph.first_root();
      dominator = is_object ? static_cast<std::int64_t>(idom - ObjectGraph::kFirst) : -1;
    }
    objects.push_back({{"address", graph.address(node)},
                       {"type", ValidUtf8(graph.TypeName(node))},
                       {"bytes", graph.bytes(node)},
                       {"targets", targets},
                       {"dominator", dominator}});
  }
  return objects;
}

bool Write(const std::string& path, Result<ObjectGraph> graph) {
  if (!graph) {
    fmt::print(stderr, "{}\n", graph.error().message());
    return false;
  }
  std::ofstream(path + ".json") << Facts(*graph);
  const auto write = [&](const char* suffix, auto writer) {
    auto sink = FileSink::Open(path + suffix);
    const Result<void> result = sink ? writer(*graph, *sink) : Result<void>(sink.error());
    if (!result) fmt::print(stderr, "{}\n", result.error().message());
    return result.has_value();
  };
  return write(".hprof", WriteHprof) && write(".heapsnapshot", WriteV8Snapshot);
}

}  // namespace
}  // namespace memwhy::exports

int main(int argc, char** argv) {
  using namespace memwhy::exports;
  if (argc != 2) return 2;
  const std::string folder = std::string(argv[1]) + "/";
  SmallHeap small;
  bool is_written = Write(folder + "small", small.dump.Load());
  for (const std::uint32_t objects : {1u, 40u, 300u, 5000u}) {
    auto dump = RandomHeap(objects, objects);
    is_written &= Write(folder + fmt::format("random{}", objects), dump.Load());
  }
  return is_written ? 0 : 1;
}
