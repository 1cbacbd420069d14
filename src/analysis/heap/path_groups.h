// SPDX-License-Identifier: Apache-2.0
//
// Places of a heap that are alike: their paths agree but for keys, indexes, and how often a step
// repeats. So all links of a chain are one group, whatever its length (each version holds the one
// before, each traceback the next). Places are worked out when they are asked for, each once: a
// million links take a million steps. Not thread-safe.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "analysis/heap/holder_tree.h"

namespace memwhy::analysis {

class PathGroups {
 public:
  using Node = HolderTree::Node;

  // `tree` must outlive it.
  explicit PathGroups(const HolderTree& tree) : tree_(tree) {}

  // The same number for all places of a group.
  std::uint64_t GroupOf(Node node) { return PlaceOf(node).group; }
  // The first object of the chain that `node` is a link of: the one that something else holds;
  // kNone: it is no link.
  Node ChainHead(Node node);

 private:
  // Of a node, from its parent's.
  struct Place {
    std::uint64_t group = 0;
    std::uint64_t step = 0;    // the step to it and its type
    std::uint32_t period = 0;  // nodes from one link to the next; 0: no link
  };
  const Place& PlaceOf(Node node);
  Place Next(Node node);
  std::uint64_t StepOf(Node node) const;

  const HolderTree& tree_;
  std::unordered_map<Node, Place> places_;
};

}  // namespace memwhy::analysis
