// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_cycles.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "analysis/graph/components.h"
#include "analysis/graph/reachability.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

CycleWhy WhyOf(const ObjectGraph& graph, const std::vector<Node>& members,
               const std::vector<std::uint32_t>& component) {
  const std::uint32_t own = component[members.front()];
  bool is_closed_by_native = false;
  bool is_frozen = false;
  bool has_del = false;
  for (const Node node : members) {
    is_frozen |= graph.list(node) == wire::kListPermanent;
    has_del |=
        graph.IsObject(node) && (graph.type(graph.type_id(node)).flags & wire::kTypeHasDel) != 0;
    // An untracked object in a cycle, or an edge that no traversal tells, hides it from gc.
    const auto targets = graph.Targets(node);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (component[targets[i]] != own) continue;
      is_closed_by_native |=
          graph.LabelOf(node, static_cast<std::uint32_t>(i)).kind == wire::EdgeKind::kNative;
    }
    is_closed_by_native |= !graph.is_tracked(node);
  }
  if (is_closed_by_native) return CycleWhy::kNative;
  if (has_del) return CycleWhy::kUncollectable;
  if (is_frozen) return CycleWhy::kFrozen;
  return graph.collector().is_enabled ? CycleWhy::kThreshold : CycleWhy::kDisabled;
}

// Whether nothing below such a cycle is ever freed.
bool IsForGood(CycleWhy why) {
  return why == CycleWhy::kUncollectable || why == CycleWhy::kNative || why == CycleWhy::kFrozen;
}

// Gives cycle `head` all garbage that its members lead to and that no cycle has yet.
void ClaimBelow(const ObjectGraph& graph, const std::vector<Node>& members,
                const std::vector<std::uint32_t>& number, std::uint32_t head,
                std::vector<std::uint32_t>* heads) {
  std::vector<Node> waiting = members;
  for (const Node node : members) (*heads)[number[node]] = head;
  while (!waiting.empty()) {
    const Node node = waiting.back();
    waiting.pop_back();
    for (const Node to : graph.Targets(node)) {
      if (number[to] == kNoNode || (*heads)[number[to]] != Garbage::kNoCycle) continue;
      (*heads)[number[to]] = head;
      waiting.push_back(to);
    }
  }
}

// Most retained first; `head` follows.
void SortByRetained(Garbage* garbage, std::vector<std::uint32_t>* head) {
  std::vector<std::uint32_t> order(garbage->cycles.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const GarbageCycle& one = garbage->cycles[a];
    const GarbageCycle& other = garbage->cycles[b];
    return one.retained + one.device > other.retained + other.device;
  });
  std::vector<GarbageCycle> sorted;
  std::vector<std::uint32_t> place(order.size());
  for (const std::uint32_t old : order) {
    place[old] = static_cast<std::uint32_t>(sorted.size());
    sorted.push_back(std::move(garbage->cycles[old]));
  }
  garbage->cycles = std::move(sorted);
  for (std::uint32_t& one : *head) {
    if (one != Garbage::kNoCycle) one = place[one];
  }
}

}  // namespace

const char* CycleWhyName(CycleWhy why) {
  switch (why) {
    case CycleWhy::kThreshold:
      return "threshold";
    case CycleWhy::kDisabled:
      return "disabled";
    case CycleWhy::kFrozen:
      return "frozen";
    case CycleWhy::kUncollectable:
      return "uncollectable";
    case CycleWhy::kNative:
      return "native";
  }
  return "threshold";
}

Garbage FindGarbage(const ObjectGraph& graph) {
  Garbage garbage;
  const std::vector<bool> reachable =
      ReachedFrom({graph.begin(), graph.targets()}, ObjectGraph::kTop);
  std::vector<Node> nodes;
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (reachable[node]) continue;
    nodes.push_back(node);
    if (graph.IsObject(node)) {
      ++garbage.objects;
      garbage.bytes += graph.bytes(node);
    }
  }
  if (nodes.empty()) return garbage;
  // Cycles among the garbage only: a graph of its own, numbered anew.
  std::vector<std::uint32_t> number(graph.size(), kNoNode);
  for (std::size_t i = 0; i < nodes.size(); ++i) number[nodes[i]] = static_cast<std::uint32_t>(i);
  std::vector<std::uint64_t> begin{0};
  std::vector<std::uint32_t> target;
  std::vector<bool> has_loop(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const Node to : graph.Targets(nodes[i])) {
      if (number[to] == kNoNode) continue;
      if (number[to] == i) has_loop[i] = true;
      target.push_back(number[to]);
    }
    begin.push_back(target.size());
  }
  const Components components = FindComponents({begin, target});
  std::vector<std::vector<Node>> members(components.count);
  std::vector<std::uint32_t> component(graph.size(), kNoNode);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    members[components.component[i]].push_back(nodes[i]);
    component[nodes[i]] = components.component[i];
  }
  // Blocks of C code that point to each other are no cycle of objects.
  const auto is_cycle_at = [&](std::uint32_t c) {
    const std::vector<Node>& own = members[c];
    return (own.size() > 1 || has_loop[number[own.front()]]) &&
           std::any_of(own.begin(), own.end(), [&](Node node) { return graph.IsObject(node); });
  };
  // From the first cycles down: what hangs on a cycle and on no cycle above it.
  std::vector<bool> taken(nodes.size());
  std::vector<std::optional<CycleWhy>> inherited(components.count);  // from cycles above
  std::vector<std::uint32_t> head(nodes.size(), Garbage::kNoCycle);  // as cycles are found
  for (std::uint32_t c = components.count; c-- > 0;) {
    const std::vector<Node>& own = members[c];
    const bool is_cycle = is_cycle_at(c);
    std::optional<CycleWhy> why = inherited[c];
    if (is_cycle && !why) why = WhyOf(graph, own, component);
    if (why && IsForGood(*why)) {
      for (const Node node : own) {
        for (const Node to : graph.Targets(node)) {
          if (number[to] != kNoNode && !inherited[component[to]]) inherited[component[to]] = why;
        }
      }
    }
    if (!is_cycle) continue;
    if (head[number[own.front()]] == Garbage::kNoCycle) {
      ClaimBelow(graph, own, number, static_cast<std::uint32_t>(garbage.cycles.size()), &head);
    }
    GarbageCycle cycle;
    cycle.members = own;
    for (const Node node : own) cycle.bytes += graph.bytes(node);
    std::vector<Node> stack;
    for (const Node node : own) {
      if (!taken[number[node]]) stack.push_back(node);
      taken[number[node]] = true;
    }
    while (!stack.empty()) {
      const Node node = stack.back();
      stack.pop_back();
      const bool is_device = graph.IsBuffer(node) && !graph.DeviceOf(node).empty();
      (is_device ? cycle.device : cycle.retained) += graph.bytes(node);
      for (const Node to : graph.Targets(node)) {
        if (number[to] == kNoNode || taken[number[to]]) continue;
        if (component[to] != c && is_cycle_at(component[to])) continue;
        taken[number[to]] = true;
        stack.push_back(to);
      }
    }
    cycle.why = *why;
    garbage.cycles.push_back(std::move(cycle));
  }
  SortByRetained(&garbage, &head);
  garbage.head.assign(graph.size(), Garbage::kNoCycle);
  for (std::size_t i = 0; i < nodes.size(); ++i) garbage.head[nodes[i]] = head[i];
  return garbage;
}

}  // namespace memwhy::analysis
