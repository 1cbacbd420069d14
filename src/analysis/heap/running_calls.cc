// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/running_calls.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace memwhy::analysis {

using model::ObjectGraph;

namespace {

using Node = ObjectGraph::Node;

constexpr int kMaxCallSteps = 2;          // from an argument: its attribute, an attribute of that
constexpr std::size_t kMaxNear = 10'000;  // a list of a million is no argument
// What stands on its caller's evaluation stack is counted nowhere, either.
constexpr std::uint64_t kPerCall = 2;
constexpr std::uint32_t kRegisters = 6;  // that survive a call: rbx, rbp, r12 to r15

// These lead to everything.
bool IsWide(std::string_view type) {
  constexpr std::string_view kWide[] = {"module", "function", "type", "code", "frame"};
  return std::find(std::begin(kWide), std::end(kWide), type) != std::end(kWide);
}

// Arguments and local variables: of a frame, or of the frame object that a root has up to 3.10.
void AddLocals(const ObjectGraph& graph, Node frame, std::vector<Node>* found) {
  const auto targets = graph.Targets(frame);
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    if (graph.LabelOf(frame, i).kind == wire::EdgeKind::kLocal) {
      found->push_back(targets[i]);
    } else if (graph.IsRoot(frame) && graph.IsObject(targets[i]) &&
               graph.TypeName(targets[i]) == "frame") {
      AddLocals(graph, targets[i], found);
    }
  }
}

}  // namespace

RunningCalls::RunningCalls(const ObjectGraph& graph) {
  // Frames come from the innermost on, each with its evaluation stack behind it.
  struct State {
    Thread thread = 0;
    int frames = 0;
  };
  std::unordered_map<std::uint64_t, State> states;
  for (Node node = graph.first_root(); node < graph.size(); ++node) {
    const ObjectGraph::Root& root = graph.root(node);
    if (root.kind == wire::DumpRoot::kFrame) {
      State& state = states[root.thread];
      if (++state.frames != 1) continue;
      state.thread = threads_++;
      std::vector<Node> locals;
      AddLocals(graph, node, &locals);
      AddNear(graph, std::move(locals), state.thread);
    } else if (root.kind == wire::DumpRoot::kStack && states[root.thread].frames == 1) {
      const auto targets = graph.Targets(node);
      AddNear(graph, {targets.begin(), targets.end()}, states[root.thread].thread);
    }
  }
}

void RunningCalls::AddNear(const ObjectGraph& graph, std::vector<Node> at, Thread thread) {
  std::unordered_set<Node> near;
  for (int step = 0; !at.empty(); ++step) {
    std::vector<Node> next;
    // Grows meanwhile: a tuple of arguments and an attribute dict are no step.
    for (std::size_t i = 0; i < at.size() && near.size() < kMaxNear; ++i) {
      const Node node = at[i];
      if (!graph.IsObject(node) || !near.insert(node).second) continue;
      const std::string_view type = graph.TypeName(node);
      if (IsWide(type)) continue;
      const auto targets = graph.Targets(node);
      for (std::uint32_t edge = 0; edge < targets.size(); ++edge) {
        if (type == "tuple" || graph.LabelOf(node, edge).kind == wire::EdgeKind::kAttributes) {
          at.push_back(targets[edge]);
        } else if (step != kMaxCallSteps) {
          next.push_back(targets[edge]);
        }
      }
    }
    at = std::move(next);
  }
  for (const Node node : near) {
    std::vector<Thread>& threads = near_[node];
    if (threads.empty() || threads.back() != thread) threads.push_back(thread);
  }
}

std::vector<bool> RunningCalls::MayHold(const ObjectGraph& graph,
                                        std::span<const SurplusObject> suspects) const {
  const auto threads_of = [&](const SurplusObject& suspect) -> std::span<const Thread> {
    const auto found = near_.find(suspect.node);
    if (found == near_.end()) return {};
    return found->second;
  };
  std::map<std::pair<Thread, std::uint32_t>, std::uint32_t> near;  // suspects of a type
  std::unordered_map<std::uint32_t, std::uint32_t> unknown;        // likewise
  for (const SurplusObject& suspect : suspects) {
    const std::uint32_t type = graph.type_id(suspect.node);
    for (const Thread thread : threads_of(suspect)) ++near[{thread, type}];
    if (suspect.is_unknown) ++unknown[type];
  }
  std::vector<bool> may;
  may.reserve(suspects.size());
  for (const SurplusObject& suspect : suspects) {
    const std::uint32_t type = graph.type_id(suspect.node);
    const std::span<const Thread> threads = threads_of(suspect);
    const bool is_argument = suspect.surplus <= threads.size() * kPerCall &&
                             std::any_of(threads.begin(), threads.end(), [&](Thread thread) {
                               return near[{thread, type}] <= kRegisters;
                             });
    may.push_back(is_argument || (suspect.is_unknown && unknown[type] <= threads_));
  }
  return may;
}

}  // namespace memwhy::analysis
