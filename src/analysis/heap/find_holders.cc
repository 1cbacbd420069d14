// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/find_holders.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "analysis/heap/heap_paths.h"
#include "analysis/heap/holder_tree.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = HolderTree::Node;
using wire::EdgeKind;

bool IsAutogradNode(std::string_view name) {
  return name.find("autograd") != std::string_view::npos &&
         (name.find("Backward") != std::string_view::npos ||
          name.find("CppNode") != std::string_view::npos ||
          name.find("PyNode") != std::string_view::npos);
}

// Blocks of autograd's graph nodes below each node (C++ classes named by their type information).
std::vector<std::uint32_t> CountGraphNodes(const HolderTree& tree) {
  const ObjectGraph& graph = tree.graph();
  std::vector<std::uint32_t> below(graph.size(), 0);
  for (auto node = tree.order().rbegin(); node != tree.order().rend(); ++node) {
    if (graph.IsBuffer(*node) && IsAutogradNode(graph.NativeClass(*node))) ++below[*node];
    const Node parent = tree.ParentOf(*node);
    if (parent != HolderTree::kNone) below[parent] += below[*node];
  }
  return below;
}

struct Vote {
  std::size_t found = 0;
  std::size_t agreeing = 0;
  Node holder = HolderTree::kNone;
  Node representative = HolderTree::kNone;
};

Vote Elect(const HolderTree& tree, const std::vector<Node>& places) {
  Vote vote;
  vote.found = places.size();
  // An object may own several blocks (a tensor its body, its storage, its data): they vote
  // together.
  std::map<std::uint64_t, std::vector<Node>> groups;
  for (const Node place : places) {
    groups[tree.MaskedPath(tree.NearestObject(place))].push_back(place);
  }
  const std::vector<Node>* largest = nullptr;
  for (const auto& [path, group] : groups) {
    if (largest == nullptr || group.size() > largest->size()) largest = &group;
  }
  if (largest == nullptr) return vote;
  vote.agreeing = largest->size();
  vote.representative = (*largest)[largest->size() / 2];
  Node common = tree.NearestObject(largest->front());
  for (const Node place : *largest) {
    if (common == HolderTree::kNone) break;
    common = tree.CommonAncestor(common, tree.NearestObject(place));
  }
  if (common == HolderTree::kNone) return vote;
  vote.holder = common;
  // Places of another shape (the second item of a tuple beside the first) hang there all the same.
  vote.agreeing = static_cast<std::size_t>(std::count_if(
      places.begin(), places.end(), [&](Node place) { return tree.HangsBelow(place, common); }));
  return vote;
}

// An attribute dict is printed as the object that it belongs to.
Node PrintableHolder(const HolderTree& tree, Node node) {
  const Node parent = tree.ParentOf(node);
  return tree.StepOf(node).kind == EdgeKind::kAttributes && parent != HolderTree::kNone ? parent
                                                                                        : node;
}

// Who took the container's own table or array, as it was when the dump was taken; the largest of
// several.
std::optional<model::StackId> FilledFrom(const ObjectGraph& graph, Node holder,
                                         const std::vector<model::LiveBlock>* live) {
  if (live == nullptr) return std::nullopt;
  const model::LiveBlock* largest = nullptr;
  for (const auto& [address, owner] : graph.own_blocks()) {
    if (owner != holder) continue;
    const auto it = std::lower_bound(
        live->begin(), live->end(), address,
        [](const model::LiveBlock& block, std::uint64_t at) { return block.address < at; });
    if (it == live->end() || it->address != address) continue;
    if (largest == nullptr || it->size > largest->size) largest = &*it;
  }
  return largest == nullptr ? std::nullopt : std::optional(largest->stack);
}

HolderPath DescribePath(const HolderTree& tree, const Vote& vote,
                        const std::vector<std::uint32_t>& graph_nodes_below,
                        const std::vector<model::LiveBlock>* live) {
  const ObjectGraph& graph = tree.graph();
  HolderPath path;
  const Node held = tree.NearestObject(vote.representative);
  const HeapPath to_held = tree.paths().To(held);
  path.path = to_held.steps;
  path.text = to_held.text;
  path.root = model::DumpRootName(graph.root(tree.RootOf(held)));
  path.held_type = graph.TypeName(held);
  const Node holder = PrintableHolder(tree, vote.holder);
  path.holder_text = tree.paths().To(holder).text;
  path.holder_type = graph.TypeName(holder);
  path.holder_length = graph.LengthOf(vote.holder);
  // From the held object to its block by more than one pointer: gc cannot see that chain.
  std::uint32_t native_steps = 0;
  for (Node node = vote.representative; node != HolderTree::kNone && graph.IsBuffer(node);
       node = tree.ParentOf(node)) {
    ++native_steps;
  }
  path.invisible_to_gc = native_steps > 1;
  path.through_graph = graph_nodes_below[vote.holder] * 2 >= vote.agreeing;
  path.filled_from = FilledFrom(graph, vote.holder, live);
  return path;
}

}  // namespace

HolderReport FindHolders(const HolderInput& input, const HolderOptions& options) {
  const ObjectGraph* before = input.before;
  const ObjectGraph& last = *input.last;
  const model::WindowView& view = *input.view;
  HolderReport report;
  report.objects = last.objects();
  report.seconds_between = before == nullptr ? 0 : input.seconds_between;
  const HeapPaths paths(last);
  const HolderTree tree(last, paths);
  const std::vector<std::uint32_t> graph_nodes = CountGraphNodes(tree);

  for (std::size_t s = 0; s < view.stacks.size() && s < options.stacks; ++s) {
    const model::StackGrowth& growth = view.stacks[s];
    // Objects in pools are looked up by type.
    if (growth.is_arena || growth.process != input.process) continue;
    StackHolder holder;
    holder.process = growth.process;
    holder.stack = growth.stack;
    holder.sampled = growth.sample.size();
    std::vector<Node> places;
    for (const model::SurvivorBlock& block : growth.sample) {
      const Node node = last.FindOwner(block.address);
      if (node != ObjectGraph::kNone && tree.IsHeld(node)) places.push_back(node);
    }
    const Vote vote = Elect(tree, places);
    holder.found = vote.found;
    holder.agreeing = vote.agreeing;
    if (vote.holder == HolderTree::kNone) {
      holder.why_not = vote.found == 0 ? "no survivor is reachable from a Python object"
                                       : "the survivors are held in different places";
    } else {
      holder.holder = DescribePath(tree, vote, graph_nodes, input.live);
    }
    report.stacks.push_back(std::move(holder));
  }
  if (before == nullptr) return report;

  struct Tally {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t bytes = 0;  // after less before, modulo 2^64: a damaged dump may say anything
    std::int64_t growth() const { return static_cast<std::int64_t>(bytes); }
  };
  std::unordered_map<std::string_view, Tally> tallies;
  std::unordered_set<std::uint64_t> known;
  for (Node node = ObjectGraph::kFirst; node < before->first_root(); ++node) {
    if (!before->IsObject(node)) continue;
    Tally& tally = tallies[before->TypeName(node)];
    ++tally.before;
    tally.bytes -= before->bytes(node);
    known.insert(before->address(node));
  }
  for (Node node = ObjectGraph::kFirst; node < last.first_root(); ++node) {
    if (!last.IsObject(node)) continue;
    Tally& tally = tallies[last.TypeName(node)];
    ++tally.after;
    tally.bytes += last.bytes(node);
  }
  for (const auto& [type, tally] : tallies) {
    if (tally.after <= tally.before || tally.growth() <= 0) continue;
    report.types.push_back(TypeGrowth{std::string(type), tally.before, tally.after, tally.growth(),
                                      0, 0, std::nullopt});
  }
  std::sort(report.types.begin(), report.types.end(), [](const TypeGrowth& a, const TypeGrowth& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.type < b.type;
  });
  if (report.types.size() > options.types) report.types.resize(options.types);

  std::unordered_map<std::string_view, std::vector<Node>> fresh;
  for (const TypeGrowth& type : report.types) fresh[type.type];
  for (Node node = ObjectGraph::kFirst; node < last.first_root(); ++node) {
    if (!last.IsObject(node) || known.contains(last.address(node)) || !tree.IsHeld(node)) continue;
    const auto it = fresh.find(last.TypeName(node));
    if (it != fresh.end()) it->second.push_back(node);
  }
  for (TypeGrowth& type : report.types) {
    const std::vector<Node>& all = fresh[type.type];
    std::vector<Node> places;
    const std::size_t step = all.size() / options.objects_per_type + 1;
    for (std::size_t i = 0; i < all.size(); i += step) places.push_back(all[i]);
    const Vote vote = Elect(tree, places);
    type.sampled = places.size();
    type.agreeing = vote.agreeing;
    if (vote.holder != HolderTree::kNone) {
      type.holder = DescribePath(tree, vote, graph_nodes, input.live);
    }
  }
  return report;
}

}  // namespace memwhy::analysis
