// SPDX-License-Identifier: Apache-2.0
//
// Every object and native block of a dump below the one by which its most explainable path goes:
// the tree in which survivors vote for a holder (docs/decisions/0006). Needs 16 bytes a node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

class HolderTree {
 public:
  using Node = model::ObjectGraph::Node;
  static constexpr Node kNone = model::ObjectGraph::kNone;

  // Both must outlive it.
  HolderTree(const model::ObjectGraph& graph, const HeapPaths& paths);

  const model::ObjectGraph& graph() const { return graph_; }
  const HeapPaths& paths() const { return paths_; }
  // Whether a root with a name holds the node: a module, a frame, a thread, a context, callbacks
  // that the program has registered. What else only the interpreter or C code holds has no holder
  // that a person could change.
  bool IsHeld(Node node) const;
  // Whether a root is one of the interpreter's lists of registered callbacks, or one of these.
  bool IsRegistry(Node root) const;
  // A root of `nodes`, where all hang on registries of one name; else kNone.
  Node CommonRegistry(std::span<const Node> nodes) const;
  // Roots of the same kind and name.
  std::size_t CountAlike(Node root) const;
  Node RootOf(Node node) const { return root_[node]; }
  // kNone above what a root refers to.
  Node ParentOf(Node node) const {
    const Node parent = paths_.ParentOf(node);
    return graph_.IsRoot(parent) ? kNone : parent;
  }
  // Of the step to it.
  model::ObjectGraph::Label StepOf(Node node) const;
  std::uint32_t depth(Node node) const { return depth_[node]; }
  // Reached nodes, each behind its parent.
  const std::vector<Node>& order() const { return order_; }
  // The deepest node that all of them hang below (or are); kNone: only a root is common. Linear in
  // the nodes above them.
  Node CommonAncestor(std::span<const Node> nodes) const;
  // How many of them hang below `holder`, or are it. Linear likewise.
  std::size_t CountBelow(std::span<const Node> nodes, Node holder) const;
  // The node itself, or the nearest object above a native block.
  Node NearestObject(Node node) const;

 private:
  const model::ObjectGraph& graph_;
  const HeapPaths& paths_;
  std::vector<std::uint32_t> edge_;   // by node: which of its parent's edges leads to it
  std::vector<std::uint32_t> depth_;  // by node: 1 below a root; 0: not reached
  std::vector<Node> root_;            // by node; kNone: not reached
  std::vector<Node> order_;
};

}  // namespace memwhy::analysis
