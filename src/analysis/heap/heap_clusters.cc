// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_clusters.h"

#include <algorithm>
#include <map>

#include "analysis/heap/holder_tree.h"
#include "analysis/heap/path_groups.h"

namespace memwhy::analysis {

using model::ObjectGraph;

namespace {

using Node = ObjectGraph::Node;

constexpr std::uint32_t kRootSteps = 4;

}  // namespace

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
    signature += path.steps[i].starts_with('[')      ? "[*]"
                 : path.steps[i].starts_with(" (x ") ? "*"
                                                     : path.steps[i];
  }
  return signature;
}

HeapClusters ClusterByPath(const ObjectGraph& graph, const HeapSizes& sizes, const HeapPaths& paths,
                           std::span<const Node> nodes, std::size_t most) {
  const HolderTree tree(graph, paths);
  PathGroups groups(tree);
  std::map<std::uint64_t, HeapCluster> alike;
  std::map<std::string, HeapCluster> clusters;
  HeapClusters result;
  const std::size_t step = std::max<std::size_t>(1, nodes.size() / std::max<std::size_t>(1, most));
  for (std::size_t i = 0; i < nodes.size(); i += step) {
    const Node node = nodes[i];
    ++result.objects;
    // Nobody holds it: 0.
    HeapCluster& cluster = alike[tree.depth(node) == 0 ? 0 : groups.GroupOf(node)];
    const RetainedBytes retained = sizes.Retained(node);
    if (cluster.objects++ == 0 || retained.weight() > sizes.Retained(cluster.example).weight()) {
      cluster.example = node;
    }
    cluster.retained += retained.host();
    cluster.device += retained.device;
  }
  for (const auto& [group, part] : alike) {
    const std::string signature = PathSignature(paths.To(part.example));
    HeapCluster& cluster = clusters[signature];
    if (cluster.objects == 0 ||
        sizes.Retained(part.example).weight() > sizes.Retained(cluster.example).weight()) {
      cluster.example = part.example;
    }
    cluster.objects += part.objects;
    cluster.retained += part.retained;
    cluster.device += part.device;
    cluster.signature = signature;
  }
  for (auto& [signature, cluster] : clusters) {
    // Up to what a module or a frame holds by a name.
    Node owner = sizes.dominators().idom[cluster.example];
    // A root and what is behind its name are a few steps; the paths of chains are long.
    const auto is_behind_a_name = [&](Node node) {
      return tree.depth(node) > kRootSteps || paths.To(node).steps.size() > 1;
    };
    while (owner != kNoNode && graph.IsObject(owner) && is_behind_a_name(owner)) {
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
