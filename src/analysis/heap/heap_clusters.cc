// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_clusters.h"

#include <algorithm>
#include <map>

namespace memwhy::analysis {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

std::string PathSignature(const HeapPath& path) {
  if (path.root == ObjectGraph::kNone) return "";
  // The root's own step reads differently in the text.
  std::string signature = path.text;
  if (!path.steps.empty()) {
    std::size_t tail = 0;
    for (std::size_t i = 1; i < path.steps.size(); ++i) tail += path.steps[i].size();
    signature.resize(signature.size() - std::min(tail, signature.size()));
  }
  for (std::size_t i = 1; i < path.steps.size(); ++i) {
    signature += path.steps[i].starts_with('[') ? "[*]" : path.steps[i];
  }
  return signature;
}

HeapClusters ClusterByPath(const ObjectGraph& graph, const HeapSizes& sizes, const HeapPaths& paths,
                           std::span<const Node> nodes, std::size_t most) {
  std::map<std::string, HeapCluster> clusters;
  HeapClusters result;
  const std::size_t step = std::max<std::size_t>(1, nodes.size() / std::max<std::size_t>(1, most));
  for (std::size_t i = 0; i < nodes.size(); i += step) {
    const Node node = nodes[i];
    ++result.objects;
    std::string signature = PathSignature(paths.To(node));
    HeapCluster& cluster = clusters[signature];
    const RetainedBytes retained = sizes.Retained(node);
    if (cluster.objects++ == 0 || retained.weight() > sizes.Retained(cluster.example).weight()) {
      cluster.example = node;
    }
    cluster.retained += retained.host();
    cluster.device += retained.device;
    if (cluster.signature.empty()) cluster.signature = std::move(signature);
  }
  for (auto& [signature, cluster] : clusters) {
    // Up to what a module or a frame holds by a name.
    Node owner = sizes.dominators().idom[cluster.example];
    while (owner != kNoNode && graph.IsObject(owner) && paths.To(owner).steps.size() > 1) {
      cluster.owner = owner;
      owner = sizes.dominators().idom[owner];
    }
    result.clusters.push_back(std::move(cluster));
  }
  std::stable_sort(result.clusters.begin(), result.clusters.end(),
                   [](const HeapCluster& a, const HeapCluster& b) {
                     return a.retained + a.device > b.retained + b.device;
                   });
  return result;
}

}  // namespace memwhy::analysis
