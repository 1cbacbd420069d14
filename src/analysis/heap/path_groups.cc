// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/path_groups.h"

#include <functional>
#include <string_view>
#include <vector>

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using wire::EdgeKind;

constexpr std::uint32_t kMaxPeriod = 6;  // nodes: an object, its attributes, a list, ...

void Mix(std::uint64_t* hash, std::uint64_t value) {
  *hash = (*hash ^ value) * 1099511628211ull;
  *hash ^= *hash >> 31;
}

}  // namespace

std::uint64_t PathGroups::StepOf(Node node) const {
  const ObjectGraph& graph = tree_.graph();
  const Node parent = tree_.ParentOf(node);
  const ObjectGraph::Label label = tree_.StepOf(node);
  const bool is_name = label.kind == EdgeKind::kAttribute || label.kind == EdgeKind::kLocal ||
                       label.kind == EdgeKind::kCell || label.kind == EdgeKind::kInternal;
  // A key of an attribute dict is a name as well.
  const bool is_attribute_key = label.kind == EdgeKind::kValue && parent != HolderTree::kNone &&
                                tree_.StepOf(parent).kind == EdgeKind::kAttributes;
  const std::hash<std::string_view> hash_of;
  std::uint64_t hash = 14695981039346656037ull;
  Mix(&hash, static_cast<std::uint64_t>(label.kind) << 40 | hash_of(graph.TypeName(node)) >> 24);
  if (is_name || is_attribute_key) Mix(&hash, hash_of(label.text));
  if (parent == HolderTree::kNone) {
    const Node root = tree_.RootOf(node);
    if (root != HolderTree::kNone && tree_.IsRegistry(root)) {
      Mix(&hash, hash_of(graph.root(root).name));
    } else {
      Mix(&hash, root);
    }
  }
  return hash;
}

// The places of all nodes above are known.
PathGroups::Place PathGroups::Next(Node node) {
  Place place;
  place.step = StepOf(node);
  const Node parent = tree_.ParentOf(node);
  if (parent == HolderTree::kNone) {
    place.group = place.step;
    return place;
  }
  const Place& above = places_.at(parent);
  Node earlier = parent;
  for (std::uint32_t period = 1; period <= kMaxPeriod; ++period) {
    const Node before = tree_.ParentOf(earlier);
    if (before == HolderTree::kNone) break;
    if (places_.at(earlier).step == place.step && places_.at(before).step == above.step) {
      place.group = places_.at(earlier).group;
      place.period = period;
      return place;
    }
    earlier = before;
  }
  place.group = above.group;
  Mix(&place.group, place.step);
  return place;
}

const PathGroups::Place& PathGroups::PlaceOf(Node node) {
  std::vector<Node> waiting;
  for (Node at = node; at != HolderTree::kNone && !places_.contains(at); at = tree_.ParentOf(at)) {
    waiting.push_back(at);
  }
  while (!waiting.empty()) {
    places_.emplace(waiting.back(), Next(waiting.back()));
    waiting.pop_back();
  }
  return places_.at(node);
}

PathGroups::Node PathGroups::ChainHead(Node node) {
  const std::uint32_t period = PlaceOf(node).period;
  if (period == 0) return HolderTree::kNone;
  const std::uint32_t type = tree_.graph().type_id(node);
  Node head = node;
  while (true) {
    Node above = head;
    for (std::uint32_t i = 0; i < period && above != HolderTree::kNone; ++i) {
      above = tree_.ParentOf(above);
    }
    if (above == HolderTree::kNone || tree_.graph().type_id(above) != type) return head;
    head = above;
  }
}

}  // namespace memwhy::analysis
