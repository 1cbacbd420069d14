// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/holder_tree.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using wire::DumpRoot;

constexpr std::uint32_t kNoEdge = 0xffffffff;

// Lists of the interpreter that a program puts callbacks into; some have a root for each.
bool IsRegistryName(std::string_view name) {
  constexpr std::string_view kNames[] = {"atexit callback",     "atexit.callbacks",
                                         "before_forkers",      "after_forkers_parent",
                                         "after_forkers_child", "audit_hooks"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

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
    case DumpRoot::kInterpreter:
      return IsRegistryName(root.name);
    case DumpRoot::kInterned:
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

bool HolderTree::IsRegistry(Node root) const {
  const ObjectGraph::Root& one = graph_.root(root);
  return one.kind == DumpRoot::kInterpreter && IsRegistryName(one.name);
}

HolderTree::Node HolderTree::CommonRegistry(std::span<const Node> nodes) const {
  Node common = kNone;
  for (const Node node : nodes) {
    const Node root = root_[node];
    if (root == kNone || !IsRegistry(root)) return kNone;
    if (common != kNone && graph_.root(root).name != graph_.root(common).name) return kNone;
    common = root;
  }
  return common;
}

std::size_t HolderTree::CountAlike(Node root) const {
  std::size_t count = 0;
  for (Node node = graph_.first_root(); node < graph_.size(); ++node) {
    if (graph_.root(node).kind == graph_.root(root).kind &&
        graph_.root(node).name == graph_.root(root).name) {
      ++count;
    }
  }
  return count;
}

ObjectGraph::Label HolderTree::StepOf(Node node) const {
  return edge_[node] == kNoEdge ? ObjectGraph::Label{}
                                : graph_.LabelOf(paths_.ParentOf(node), edge_[node]);
}

HolderTree::Node HolderTree::CommonAncestor(std::span<const Node> nodes) const {
  if (nodes.empty()) return kNone;
  // Of each node above any of them: where its path meets that of the first one.
  std::unordered_map<Node, Node> meeting;
  for (Node at = nodes.front(); at != kNone; at = ParentOf(at)) meeting.emplace(at, at);
  Node common = nodes.front();
  std::vector<Node> climbed;
  for (const Node node : nodes) {
    climbed.clear();
    Node at = node;
    auto met = meeting.end();
    for (; at != kNone && (met = meeting.find(at)) == meeting.end(); at = ParentOf(at)) {
      climbed.push_back(at);
    }
    if (at == kNone) return kNone;
    const Node meets = met->second;
    for (const Node one : climbed) meeting.emplace(one, meets);
    if (depth_[meets] < depth_[common]) common = meets;
  }
  return common;
}

std::size_t HolderTree::CountBelow(std::span<const Node> nodes, Node holder) const {
  std::unordered_map<Node, bool> is_below{{holder, true}};
  std::vector<Node> climbed;
  std::size_t count = 0;
  for (const Node node : nodes) {
    climbed.clear();
    bool below = false;
    for (Node at = node; at != kNone && depth_[at] >= depth_[holder]; at = ParentOf(at)) {
      if (const auto known = is_below.find(at); known != is_below.end()) {
        below = known->second;
        break;
      }
      climbed.push_back(at);
    }
    for (const Node one : climbed) is_below.emplace(one, below);
    count += below ? 1 : 0;
  }
  return count;
}

HolderTree::Node HolderTree::NearestObject(Node node) const {
  while (graph_.IsBuffer(node) && ParentOf(node) != kNone) node = ParentOf(node);
  return node;
}

}  // namespace memwhy::analysis
