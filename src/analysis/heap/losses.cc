// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/losses.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

#include "analysis/heap/type_rank.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

// Objects with lost references are one loss by type; those of which C code has a pointer are
// another one.
std::string ReferenceKey(std::string_view type, bool is_held) {
  return (is_held ? "held " : "lost ") + std::string(type);
}

bool IsHeldByCode(const UnbalancedObject& object) { return object.proof == ReferenceProof::kHeld; }

std::vector<std::string> TypesOf(const ObjectGraph& graph, const std::vector<Node>& members) {
  std::set<std::string> names;
  for (const Node node : members) {
    if (graph.IsObject(node)) names.emplace(graph.TypeName(node));
  }
  std::vector<std::string> types(names.begin(), names.end());
  std::stable_sort(types.begin(), types.end(), [](const std::string& a, const std::string& b) {
    return RankOf(a) < RankOf(b);
  });
  return types;
}

std::string CycleKey(CycleWhy why, const std::vector<std::string>& types) {
  std::string key = std::string("cycle ") + CycleWhyName(why);
  for (const std::string& type : types) key += " " + type;
  return key;
}

// The member that the collector does not traverse; "" none.
std::string ClosedBy(const ObjectGraph& graph, const std::vector<Node>& members) {
  std::string closer;
  for (const Node node : members) {
    if (!graph.IsObject(node)) continue;
    bool is_native = !graph.is_tracked(node);
    const std::size_t edges = graph.Targets(node).size();
    for (std::uint32_t i = 0; i < edges && !is_native; ++i) {
      is_native = graph.LabelOf(node, i).kind == wire::EdgeKind::kNative;
    }
    if (!is_native) continue;
    const std::string name(graph.TypeName(node));
    if (closer.empty() || RankOf(name) < RankOf(closer)) closer = name;
  }
  return closer;
}

}  // namespace

Losses::Losses(const HolderTree& tree) {
  AddReferences(tree);
  AddCycles(tree.graph());
  for (Node node = ObjectGraph::kFirst; !of_.empty() && node < tree.graph().first_root(); ++node) {
    if (of_[node] != kNone) losses_[of_[node]].bytes += tree.graph().bytes(node);
  }
}

std::uint32_t Losses::Number(const std::string& key, const Loss& loss) {
  const auto [known, is_new] = keys_.try_emplace(key, static_cast<std::uint32_t>(losses_.size()));
  if (is_new) losses_.push_back(loss);
  return known->second;
}

void Losses::AddReferences(const HolderTree& tree) {
  const ObjectGraph& graph = tree.graph();
  const ReferenceBalance balance = BalanceReferences(graph);
  std::unordered_map<Node, std::uint32_t> tops;
  std::vector<std::uint64_t> proven;  // by loss
  for (const UnbalancedObject& object : balance.objects) {
    if (object.surplus <= 0 || tree.IsHeld(object.node)) continue;
    Loss loss;
    loss.kind = LossKind::kReference;
    loss.type = graph.TypeName(object.node);
    loss.proof = object.proof;
    const std::uint32_t number = Number(ReferenceKey(loss.type, IsHeldByCode(object)), loss);
    Loss& known = losses_[number];
    ++known.count;
    known.references += static_cast<std::uint64_t>(object.surplus);
    proven.resize(losses_.size());
    if (object.proof == ReferenceProof::kCertain || object.proof == ReferenceProof::kScanned) {
      ++proven[number];
    }
    tops.emplace(object.node, number);
  }
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (losses_[i].proof == ReferenceProof::kHeld) continue;
    losses_[i].proof =
        proven[i] * 2 >= losses_[i].count ? ReferenceProof::kScanned : ReferenceProof::kPossible;
  }
  if (tops.empty()) return;
  of_.assign(graph.size(), kNone);
  // Parents come first. Of two on one path the outer one is the cause.
  for (const Node node : tree.order()) {
    if (tree.IsHeld(node)) continue;
    const Node parent = tree.ParentOf(node);
    if (parent != HolderTree::kNone && of_[parent] != kNone) {
      of_[node] = of_[parent];
    } else if (const auto top = tops.find(node); top != tops.end()) {
      of_[node] = top->second;
    }
  }
}

void Losses::AddCycles(const ObjectGraph& graph) {
  const Garbage garbage = FindGarbage(graph);
  if (garbage.cycles.empty()) return;
  std::vector<std::uint32_t> number(garbage.cycles.size(), kNone);
  for (std::size_t i = 0; i < garbage.cycles.size(); ++i) {
    const GarbageCycle& cycle = garbage.cycles[i];
    if (garbage.head[cycle.members.front()] != i) continue;
    Loss loss;
    loss.types = TypesOf(graph, cycle.members);
    if (loss.types.empty()) continue;
    loss.type = loss.types.front();
    loss.why = cycle.why;
    if (cycle.why == CycleWhy::kNative) loss.closed_by = ClosedBy(graph, cycle.members);
    number[i] = Number(CycleKey(cycle.why, loss.types), loss);
    ++losses_[number[i]].count;
  }
  if (of_.empty()) of_.assign(graph.size(), kNone);
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    const std::uint32_t head = garbage.head[node];
    if (head != Garbage::kNoCycle && of_[node] == kNone) of_[node] = number[head];
  }
}

LossCounts::LossCounts(const ObjectGraph& graph) {
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (graph.IsObject(node) && graph.surplus(node) > 0) {
      ++counts_[ReferenceKey(graph.TypeName(node), false)];
    }
  }
  const Garbage garbage = FindGarbage(graph);
  for (std::size_t i = 0; i < garbage.cycles.size(); ++i) {
    const GarbageCycle& cycle = garbage.cycles[i];
    if (garbage.head[cycle.members.front()] != i) continue;
    ++counts_[CycleKey(cycle.why, TypesOf(graph, cycle.members))];
  }
}

std::uint64_t LossCounts::CountOf(const Loss& like) const {
  const std::string key = like.kind == LossKind::kCycle ? CycleKey(like.why, like.types)
                                                        : ReferenceKey(like.type, false);
  const auto at = counts_.find(key);
  return at == counts_.end() ? 0 : at->second;
}

}  // namespace memwhy::analysis
