// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_references.h"

#include <algorithm>

#include "analysis/heap/running_calls.h"

namespace memwhy::analysis {

using model::ObjectGraph;

const char* ReferenceProofName(ReferenceProof proof) {
  switch (proof) {
    case ReferenceProof::kCertain:
      return "certain";
    case ReferenceProof::kScanned:
      return "scanned";
    case ReferenceProof::kHeld:
      return "held";
    case ReferenceProof::kPossible:
      return "possible";
  }
  return "possible";
}

namespace {

using Node = ObjectGraph::Node;

bool IsHeld(const ObjectGraph::Held& held, const UnbalancedObject& object) {
  return object.surplus > 0 && held.held_words >= static_cast<std::uint64_t>(object.surplus);
}

// What a running call may hold is not proven to be lost.
void ExcuseRunningCalls(const ObjectGraph& graph, std::vector<UnbalancedObject>* objects) {
  std::vector<SurplusObject> suspects;
  std::vector<UnbalancedObject*> suspected;
  for (UnbalancedObject& object : *objects) {
    const bool is_proven =
        object.proof == ReferenceProof::kCertain || object.proof == ReferenceProof::kScanned;
    if (object.surplus <= 0 || !is_proven) continue;
    suspects.push_back({object.node, static_cast<std::uint64_t>(object.surplus),
                        object.proof == ReferenceProof::kCertain});
    suspected.push_back(&object);
  }
  if (suspects.empty()) return;
  const std::vector<bool> may = RunningCalls(graph).MayHold(graph, suspects);
  for (std::size_t i = 0; i < suspects.size(); ++i) {
    if (may[i]) suspected[i]->proof = ReferenceProof::kPossible;
  }
}

}  // namespace

ReferenceBalance BalanceReferences(const ObjectGraph& graph) {
  ReferenceBalance balance;
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (!graph.IsObject(node) || graph.references(node) == 0) continue;
    ++balance.checked;
    const std::int64_t surplus = graph.surplus(node);
    if (surplus == 0) continue;
    UnbalancedObject object;
    object.node = node;
    object.references = graph.references(node);
    object.surplus = surplus;
    object.explained =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(object.references) - surplus);
    if (const auto* held = graph.FindHeld(node)) {
      object.held_by = held->place;
      // Weak references and the like were taken off by the loader.
      if (graph.was_scanned() && held->words <= object.explained) {
        object.proof = held->words == 0 && object.explained == 0 ? ReferenceProof::kCertain
                                                                 : ReferenceProof::kScanned;
      } else if (IsHeld(*held, object)) {
        object.proof = ReferenceProof::kHeld;
        if (!held->holder.empty()) object.held_by = held->holder;
      }
    }
    balance.objects.push_back(std::move(object));
  }
  ExcuseRunningCalls(graph, &balance.objects);
  for (const UnbalancedObject& object : balance.objects) {
    if (object.proof == ReferenceProof::kPossible) ++balance.noise;
    if (object.proof == ReferenceProof::kHeld) ++balance.held;
  }
  std::stable_sort(balance.objects.begin(), balance.objects.end(),
                   [&](const UnbalancedObject& a, const UnbalancedObject& b) {
                     return graph.TypeName(a.node) < graph.TypeName(b.node);
                   });
  return balance;
}

}  // namespace memwhy::analysis
