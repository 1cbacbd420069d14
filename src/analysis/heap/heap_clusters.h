// SPDX-License-Identifier: Apache-2.0
//
// Many objects, few reasons: objects whose paths agree but for keys and indexes are one cluster,
// with one representative and what holds them all.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_sizes.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct HeapCluster {
  std::string signature;  // "app.CACHE[*].history[*]"; "" no root holds them
  std::uint64_t objects = 0;
  std::uint64_t retained = 0;            // the sum over its objects, of memory of the process
  std::uint64_t device = 0;              // and of devices' memory
  model::ObjectGraph::Node example = 0;  // the one that retains most
  // The first object behind a root's name that every way to the example passes, whose end would
  // free it; kNone: a root holds it directly, or several ways have nothing in common.
  model::ObjectGraph::Node owner = model::ObjectGraph::kNone;
};

// "app.CACHE['user'][3]" as "app.CACHE[*][*]".
std::string PathSignature(const HeapPath& path);

// Most retained first. At most `most` objects are looked at, evenly chosen; counts are of those.
struct HeapClusters {
  std::vector<HeapCluster> clusters;
  std::uint64_t objects = 0;  // looked at
};
HeapClusters ClusterByPath(const model::ObjectGraph& graph, const HeapSizes& sizes,
                           const HeapPaths& paths, std::span<const model::ObjectGraph::Node> nodes,
                           std::size_t most = 20'000);

}  // namespace memwhy::analysis
