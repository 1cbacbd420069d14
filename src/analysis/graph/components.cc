// SPDX-License-Identifier: Apache-2.0
#include "analysis/graph/components.h"

#include <utility>

namespace memwhy::analysis {
namespace {

// The index of a node that is on a stack is the smallest index known to be reachable from it; that
// of a node whose component is known counts down from the number of nodes. The two never meet, as
// there are no more indexes in use than nodes without a component. 0 is a node not seen yet.
class Pearce {
 public:
  explicit Pearce(const Csr& graph)
      : graph_(graph),
        nodes_(graph.nodes()),
        index_(nodes_),
        stacks_(nodes_),
        next_edge_(nodes_),
        is_first_(nodes_),
        waiting_(nodes_),
        component_(nodes_) {}

  Components Run() {
    for (std::uint32_t node = 0; node < nodes_; ++node) {
      if (index_[node] != 0) continue;
      Enter(node);
      while (depth_ > 0) Step();
    }
    for (std::uint32_t& index : index_) index = nodes_ - index;
    return {std::move(index_), nodes_ - component_};
  }

 private:
  void Enter(std::uint32_t node) {
    index_[node] = next_index_++;
    is_first_[node] = true;
    next_edge_[depth_] = 0;
    stacks_[depth_++] = node;
  }

  // Goes on with the node on top: to its next child, or out of it.
  void Step() {
    const std::uint32_t node = stacks_[depth_ - 1];
    const auto out = graph_.out(node);
    for (std::size_t edge = next_edge_[depth_ - 1]; edge < out.size(); ++edge) {
      const std::uint32_t to = out[edge];
      if (index_[to] == 0) {
        next_edge_[depth_ - 1] = static_cast<std::uint32_t>(edge);  // looked at again afterwards
        Enter(to);
        return;
      }
      if (index_[to] < index_[node]) {
        index_[node] = index_[to];
        is_first_[node] = false;
      }
    }
    --depth_;
    Leave(node);
  }

  void Leave(std::uint32_t node) {
    if (!is_first_[node]) {
      stacks_[--waiting_] = node;
      return;
    }
    --next_index_;
    while (waiting_ < nodes_ && index_[stacks_[waiting_]] >= index_[node]) {
      index_[stacks_[waiting_++]] = component_;
      --next_index_;
    }
    index_[node] = component_--;
  }

  const Csr& graph_;
  const std::uint32_t nodes_;
  std::vector<std::uint32_t> index_;
  // Two stacks that never hold a node both: from the front the path of the search, from the back
  // the nodes left whose component is still open.
  std::vector<std::uint32_t> stacks_;
  std::vector<std::uint32_t> next_edge_;  // by depth
  std::vector<bool> is_first_;  // nothing reachable from the node was seen before it and is open
  std::uint32_t depth_ = 0;
  std::uint32_t waiting_;
  std::uint32_t next_index_ = 1;
  std::uint32_t component_;
};

}  // namespace

Components FindComponents(const Csr& graph) { return Pearce(graph).Run(); }

}  // namespace memwhy::analysis
