// SPDX-License-Identifier: Apache-2.0
#include "model/sites/call_tree.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace memwhy::model {
namespace {

using Children = std::vector<std::vector<std::uint32_t>>;

Children ChildrenOf(const std::vector<CallNode>& nodes) {
  Children children(nodes.size());
  for (std::uint32_t i = 1; i < nodes.size(); ++i) children[nodes[i].parent].push_back(i);
  for (auto& list : children) {
    std::stable_sort(list.begin(), list.end(), [&](std::uint32_t a, std::uint32_t b) {
      const auto larger = [&](std::uint32_t i) {
        return std::max(nodes[i].value.bytes, nodes[i].baseline.bytes);
      };
      return larger(a) > larger(b);
    });
  }
  return children;
}

// Nodes of stacks, made on demand; any order in which parents come first.
class Folding {
 public:
  explicit Folding(const StackTree& stacks) : stacks_(stacks), nodes_(1) {}

  std::uint32_t NodeOf(StackId stack) {
    std::vector<StackId> missing;  // leaf first
    std::uint32_t node = 0;
    while (true) {
      if (const auto it = index_.find(stack.value); it != index_.end()) {
        node = it->second;
        break;
      }
      missing.push_back(stack);
      // Stacks that begin at kNoPython hang below the root; kNoPython itself is a node of its own.
      if (!stacks_.has_frames(stack) || stacks_.parent(stack) == kNoPython) break;
      stack = stacks_.parent(stack);
    }
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) node = Add(node, *it);
    return node;
  }

  std::vector<CallNode>& nodes() { return nodes_; }

 private:
  std::uint32_t Add(std::uint32_t parent, StackId stack) {
    CallNode node;
    node.parent = parent;
    if (stacks_.has_frames(stack)) {
      node.kind = CallKind::kFrame;
      node.frame = stacks_.leaf_id(stack);
    } else if (stack == kUnknownStack) {
      node.kind = CallKind::kNotRead;
    } else {
      node.kind = stack == kTruncatedRoot ? CallKind::kTruncated : CallKind::kWithoutPython;
    }
    nodes_.push_back(node);
    const auto index = static_cast<std::uint32_t>(nodes_.size() - 1);
    index_.emplace(stack.value, index);
    return index;
  }

  const StackTree& stacks_;
  std::vector<CallNode> nodes_;
  std::unordered_map<std::uint32_t, std::uint32_t> index_;  // stack -> node
};

}  // namespace

CallTree BuildCallTree(const StackTree& stacks, std::span<const StackAmount> amounts) {
  Folding folding(stacks);
  for (const StackAmount& amount : amounts) {
    CallNode& node = folding.nodes()[folding.NodeOf(amount.stack)];
    node.self_value += amount.value;
    node.self_baseline += amount.baseline;
  }
  std::vector<CallNode> nodes = std::move(folding.nodes());
  for (CallNode& node : nodes) {
    node.value = node.self_value;
    node.baseline = node.self_baseline;
  }
  for (std::size_t i = nodes.size(); i-- > 1;) {
    nodes[nodes[i].parent].value += nodes[i].value;
    nodes[nodes[i].parent].baseline += nodes[i].baseline;
  }
  return Prune(CallTree{std::move(nodes)}, 0);
}

CallTree Prune(const CallTree& tree, double least_share) {
  CallTree pruned;
  if (tree.nodes.empty()) return pruned;
  const Children children = ChildrenOf(tree.nodes);
  const CallNode& root = tree.nodes[0];
  const double least =
      least_share * static_cast<double>(std::max(root.value.bytes, root.baseline.bytes));
  std::vector<std::uint64_t> below(tree.nodes.size(), 1);  // nodes with all below
  for (std::size_t i = tree.nodes.size(); i-- > 1;) below[tree.nodes[i].parent] += below[i];

  std::vector<std::pair<std::uint32_t, std::uint32_t>> open = {{0, 0}};  // node, new parent
  while (!open.empty()) {
    const auto [index, parent] = open.back();
    open.pop_back();
    CallNode node = tree.nodes[index];
    node.parent = parent;
    const auto self = static_cast<std::uint32_t>(pruned.nodes.size());
    pruned.nodes.push_back(node);
    CallNode merged;
    merged.kind = CallKind::kMerged;
    merged.parent = self;
    const auto& list = children[index];
    for (auto child = list.rbegin(); child != list.rend(); ++child) {
      const CallNode& below_it = tree.nodes[*child];
      const Bytes larger = std::max(below_it.value.bytes, below_it.baseline.bytes);
      if (static_cast<double>(larger) >= least) {
        open.emplace_back(*child, self);
        continue;
      }
      merged.value += below_it.value;
      merged.baseline += below_it.baseline;
      merged.merged += below[*child];
    }
    if (merged.merged == 0) continue;
    merged.self_value = merged.value;
    merged.self_baseline = merged.baseline;
    pruned.nodes.push_back(merged);
  }
  return pruned;
}

}  // namespace memwhy::model
