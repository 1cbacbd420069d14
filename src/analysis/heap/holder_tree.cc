// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/holder_tree.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using wire::DumpRoot;
using wire::EdgeKind;

constexpr std::uint32_t kNoEdge = 0xffffffff;

bool IsNamed(const ObjectGraph::Root& root) {
  if (root.is_unexplained) return false;
  switch (root.kind) {
    case DumpRoot::kModule:
    case DumpRoot::kFrame:
    case DumpRoot::kStack:
    case DumpRoot::kGreenlet:
    case DumpRoot::kThread:
    case DumpRoot::kContext:
      return true;
    case DumpRoot::kInterned:
    case DumpRoot::kInterpreter:
    case DumpRoot::kNativeGlobal:
    case DumpRoot::kKeyTable:
      return false;
  }
  return false;
}

}  // namespace

HolderTree::HolderTree(const ObjectGraph& graph, const HeapPaths& paths)
    : graph_(graph), paths_(paths) {
  const Node size = graph.size();
  edge_.assign(size, kNoEdge);
  std::vector<std::uint8_t> cost(size, 0xff);
  for (Node node = ObjectGraph::kFirst; node < size; ++node) {
    const std::uint64_t begin = graph.begin()[node];
    const std::uint64_t end = graph.begin()[node + 1];
    for (std::uint64_t i = begin; i < end; ++i) {
      const Node target = graph.targets()[i];
      if (paths.ParentOf(target) != node || target == node) continue;
      if (edge_[target] != kNoEdge && paths.CostOf(i) >= cost[target]) continue;
      edge_[target] = static_cast<std::uint32_t>(i - begin);
      cost[target] = paths.CostOf(i);
    }
  }
  depth_.assign(size, 0);
  root_.assign(size, kNone);
  std::vector<Node> climbed;
  for (Node start = ObjectGraph::kFirst; start < graph.first_root(); ++start) {
    Node node = start;
    climbed.clear();
    while (depth_[node] == 0 && !graph.IsRoot(node)) {
      const Node parent = paths.ParentOf(node);
      if (parent == kNone || parent == node) break;
      climbed.push_back(node);
      node = parent;
    }
    const bool is_reached = graph.IsRoot(node) || depth_[node] != 0;
    if (!is_reached) continue;
    std::uint32_t depth = depth_[node];
    const Node root = graph.IsRoot(node) ? node : root_[node];
    for (auto at = climbed.rbegin(); at != climbed.rend(); ++at) {
      depth_[*at] = ++depth;
      root_[*at] = root;
      order_.push_back(*at);
    }
  }
}

bool HolderTree::IsHeld(Node node) const {
  return root_[node] != kNone && IsNamed(graph_.root(root_[node]));
}

ObjectGraph::Label HolderTree::StepOf(Node node) const {
  return edge_[node] == kNoEdge ? ObjectGraph::Label{}
                                : graph_.LabelOf(paths_.ParentOf(node), edge_[node]);
}

HolderTree::Node HolderTree::CommonAncestor(Node a, Node b) const {
  while (depth_[a] > depth_[b]) a = paths_.ParentOf(a);
  while (depth_[b] > depth_[a]) b = paths_.ParentOf(b);
  while (a != b) {
    a = ParentOf(a);
    b = ParentOf(b);
    if (a == kNone || b == kNone) return kNone;
  }
  return a;
}

bool HolderTree::HangsBelow(Node node, Node holder) const {
  while (node != kNone && depth_[node] > depth_[holder]) node = ParentOf(node);
  return node == holder;
}

HolderTree::Node HolderTree::NearestObject(Node node) const {
  while (graph_.IsBuffer(node) && ParentOf(node) != kNone) node = ParentOf(node);
  return node;
}

std::uint64_t HolderTree::MaskedPath(Node node) const {
  std::uint64_t hash = 14695981039346656037ull;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 1099511628211ull;
    hash ^= hash >> 31;
  };
  const std::hash<std::string_view> hash_of;
  for (Node next = kNone; node != kNone; node = next) {
    next = ParentOf(node);
    const ObjectGraph::Label label = StepOf(node);
    const bool is_name = label.kind == EdgeKind::kAttribute || label.kind == EdgeKind::kLocal ||
                         label.kind == EdgeKind::kCell || label.kind == EdgeKind::kInternal;
    // A key of an attribute dict is a name as well.
    const bool is_attribute_key = label.kind == EdgeKind::kValue && next != kNone &&
                                  StepOf(next).kind == EdgeKind::kAttributes;
    mix(static_cast<std::uint64_t>(label.kind) << 40 | hash_of(graph_.TypeName(node)) >> 24);
    if (is_name || is_attribute_key) mix(hash_of(label.text));
    if (next == kNone) mix(root_[node]);
  }
  return hash;
}

}  // namespace memwhy::analysis
