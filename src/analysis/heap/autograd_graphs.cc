// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/autograd_graphs.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "analysis/heap/tensor_rows.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

constexpr std::string_view kAccumulate = "AccumulateGrad";

// A node: where it leads to, and what it saved.
struct AutogradNode {
  std::vector<Node> next;
  std::vector<Node> saved;  // tensors
  std::uint64_t packed = 0;
  std::string name;
  bool has_previous = false;
};

class AutogradNodes {
 public:
  AutogradNodes(const ObjectGraph& graph, const model::TorchFacts& facts)
      : graph_(graph), facts_(facts) {
    for (const Node node : facts.nodes) Read(node);
    ReadContexts();
    for (const Node node : facts.nodes) {
      for (const Node next : nodes_[node].next) nodes_[next].has_previous = true;
    }
    for (const Node wrapped : wrapped_) nodes_[wrapped].has_previous = true;
  }
  const AutogradNode& at(Node node) const { return nodes_.at(node); }

 private:
  void Read(Node node) {
    AutogradNode& one = nodes_[node];
    one.name = NodeName(graph_, node);
    const auto targets = graph_.Targets(node);
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      const ObjectGraph::Label label = graph_.LabelOf(node, i);
      if (facts_.IsAutogradNode(targets[i])) {
        if (label.text.starts_with("next_functions")) one.next.push_back(targets[i]);
        if (label.text == "fn") wrapped_.push_back(targets[i]);
      } else if (label.text == "saved" || label.text == "tensors") {
        AddSaved(targets[i], &one);
      } else if (label.text == "ctx") {
        context_of_[targets[i]] = node;
      }
    }
  }
  void AddSaved(Node target, AutogradNode* one) const {
    if (facts_.FindTensor(target) != nullptr) one->saved.push_back(target);
    if (facts_.IsHook(target)) ++one->packed;
  }
  // What a Function of Python's saved is in its ctx, a Python object; either may lead to the other.
  void ReadContexts() {
    for (Node object = ObjectGraph::kFirst; object < graph_.first_root(); ++object) {
      if (!graph_.IsObject(object)) continue;
      Node node = ObjectGraph::kNone;
      if (const auto found = context_of_.find(object); found != context_of_.end()) {
        node = found->second;
      } else {
        // Beside a node of its own it has saved tensors; a tensor or a wrapper has none.
        for (const Node target : graph_.Targets(object)) {
          if (facts_.IsAutogradNode(target) && graph_.NativeClass(target).ends_with("::PyNode")) {
            node = target;
            break;
          }
        }
      }
      if (node == ObjectGraph::kNone) continue;
      AutogradNode& one = nodes_[node];
      const std::string_view type = graph_.TypeName(object);
      one.name = type.substr(type.rfind('.') + 1);
      for (const Node target : graph_.Targets(object)) AddSaved(target, &one);
    }
  }

  const ObjectGraph& graph_;
  const model::TorchFacts& facts_;
  std::unordered_map<Node, AutogradNode> nodes_;
  std::unordered_map<Node, Node> context_of_;  // Python object to node
  std::vector<Node> wrapped_;                  // by another node
};

class GraphMeasure {
 public:
  GraphMeasure(const model::TorchFacts& facts, const AutogradNodes& nodes)
      : facts_(facts), nodes_(nodes) {}

  void Measure(AutogradGraph* result) const {
    std::unordered_map<Node, std::uint64_t> depth;  // 0: under way
    std::unordered_set<Node> storages;
    struct Step {
      Node node;
      std::size_t next;
    };
    std::vector<Step> stack{{result->root, 0}};
    depth[result->root] = 0;
    while (!stack.empty()) {
      Step& step = stack.back();
      const AutogradNode& one = nodes_.at(step.node);
      if (step.next < one.next.size()) {
        const Node next = one.next[step.next++];
        if (depth.try_emplace(next, 0).second) stack.push_back({next, 0});
        continue;
      }
      std::uint64_t deepest = 0;
      for (const Node next : one.next) deepest = std::max(deepest, depth[next]);
      depth[step.node] = deepest + 1;
      Count(one, &storages, result);
      stack.pop_back();
    }
    result->nodes = depth.size();
    result->depth = depth[result->root];
  }

 private:
  void Count(const AutogradNode& one, std::unordered_set<Node>* storages,
             AutogradGraph* result) const {
    ++result->node_types[one.name];
    result->saved_tensors += one.saved.size();
    result->packed += one.packed;
    for (const Node saved : one.saved) {
      const model::TorchTensor* tensor = facts_.FindTensor(saved);
      if (tensor->storage == ObjectGraph::kNone || !storages->insert(tensor->storage).second) {
        continue;
      }
      const model::TorchStorage* storage = facts_.FindStorage(tensor->storage);
      if (storage != nullptr) result->saved_bytes += storage->bytes;
    }
  }

  const model::TorchFacts& facts_;
  const AutogradNodes& nodes_;
};

}  // namespace

AutogradForest FindAutogradGraphs(const ObjectGraph& graph, const model::TorchFacts& facts,
                                  const HeapPaths& paths) {
  const AutogradNodes nodes(graph, facts);
  const GraphMeasure measure(facts, nodes);
  AutogradForest forest;
  forest.totals.nodes = facts.nodes.size();
  std::unordered_set<Node> storages;
  for (const Node node : facts.nodes) {
    const AutogradNode& one = nodes.at(node);
    for (const Node saved : one.saved) storages.insert(facts.FindTensor(saved)->storage);
    // A leaf's own node may outlive all graphs; it saves nothing.
    if (one.has_previous || one.name == kAccumulate) continue;
    AutogradGraph found;
    found.root = node;
    found.root_type = one.name;
    measure.Measure(&found);
    found.holder = paths.To(node);
    forest.graphs.push_back(std::move(found));
  }
  for (const Node node : storages) {
    if (const auto* storage = facts.FindStorage(node)) forest.totals.saved_bytes += storage->bytes;
  }
  forest.totals.graphs = forest.graphs.size();
  std::sort(forest.graphs.begin(), forest.graphs.end(), [&](const auto& a, const auto& b) {
    if (a.saved_bytes != b.saved_bytes) return a.saved_bytes > b.saved_bytes;
    return graph.address(a.root) < graph.address(b.root);
  });
  return forest;
}

}  // namespace memwhy::analysis
