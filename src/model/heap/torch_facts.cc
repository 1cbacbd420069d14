// SPDX-License-Identifier: Apache-2.0
#include "model/heap/torch_facts.h"

#include <algorithm>

namespace memwhy::model {
namespace {

template <typename Fact>
const Fact* FindByNode(const std::vector<Fact>& facts, ObjectGraph::Node node) {
  const auto found =
      std::lower_bound(facts.begin(), facts.end(), node,
                       [](const Fact& fact, ObjectGraph::Node n) { return fact.node < n; });
  return found != facts.end() && found->node == node ? &*found : nullptr;
}

}  // namespace

const TorchTensor* TorchFacts::FindTensor(ObjectGraph::Node node) const {
  return FindByNode(tensors, node);
}
const TorchStorage* TorchFacts::FindStorage(ObjectGraph::Node node) const {
  return FindByNode(storages, node);
}
bool TorchFacts::IsAutogradNode(ObjectGraph::Node node) const {
  return std::binary_search(nodes.begin(), nodes.end(), node);
}
bool TorchFacts::IsHook(ObjectGraph::Node node) const {
  return std::binary_search(hooks.begin(), hooks.end(), node);
}

}  // namespace memwhy::model
