// SPDX-License-Identifier: Apache-2.0
#include "analysis/find_holders.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace memwhy::analysis {
namespace {

using model::HeapGraph;
using wire::Label;

constexpr std::uint32_t kNoNode = std::numeric_limits<std::uint32_t>::max();

// A path with keys and indexes masked, as a hash: places that differ only there are one group.
std::uint64_t MaskedPath(const HeapGraph& graph, std::uint32_t number) {
  std::uint64_t hash = 14695981039346656037ull;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 1099511628211ull;
    hash ^= hash >> 31;
  };
  bool done = false;
  while (!done) {
    const HeapGraph::Node& node = graph.node(number);
    const bool is_name = node.label == Label::kAttribute || node.label == Label::kLocal;
    // A key of an attribute dict is a name as well.
    const bool is_attribute_key = node.label == Label::kTextKey && !node.parent_is_root &&
                                  graph.node(node.parent).label == Label::kDict;
    mix(static_cast<std::uint64_t>(node.label) << 40 | node.type << 1 | (node.is_block ? 1u : 0u));
    if (is_name || is_attribute_key) mix(node.text + 1);
    done = node.parent_is_root;
    number = node.parent;
  }
  mix(number);  // the root
  return hash;
}

std::uint32_t Depth(const HeapGraph& graph, std::uint32_t number) {
  std::uint32_t depth = 0;
  for (; !graph.node(number).parent_is_root; number = graph.node(number).parent) ++depth;
  return depth;
}

// The deepest node that both hang below (or are); kNoNode: only a root is common.
std::uint32_t CommonAncestor(const HeapGraph& graph, std::uint32_t a, std::uint32_t b) {
  std::uint32_t da = Depth(graph, a);
  std::uint32_t db = Depth(graph, b);
  const auto up = [&graph](std::uint32_t n) {
    return graph.node(n).parent_is_root ? kNoNode : graph.node(n).parent;
  };
  for (; da > db; --da) a = up(a);
  for (; db > da; --db) b = up(b);
  while (a != b) {
    a = up(a);
    b = up(b);
    if (a == kNoNode || b == kNoNode) return kNoNode;
  }
  return a;
}

std::uint32_t NearestObject(const HeapGraph& graph, std::uint32_t number) {
  while (graph.node(number).is_block && !graph.node(number).parent_is_root) {
    number = graph.node(number).parent;
  }
  return number;
}

// Blocks of autograd's graph nodes below each node (C++ classes named by their type information).
std::vector<std::uint32_t> CountGraphNodes(const HeapGraph& graph) {
  std::vector<std::uint32_t> below(graph.nodes().size(), 0);
  for (std::uint32_t i = static_cast<std::uint32_t>(below.size()); i-- > 0;) {
    const HeapGraph::Node& node = graph.node(i);
    if (node.is_block) {
      const std::string& name = graph.type_name(node);
      const bool is_autograd = name.find("autograd") != std::string::npos;
      if (is_autograd &&
          (name.find("Backward") != std::string::npos ||
           name.find("CppNode") != std::string::npos || name.find("PyNode") != std::string::npos)) {
        ++below[i];
      }
    }
    if (!node.parent_is_root) below[node.parent] += below[i];
  }
  return below;
}

struct Vote {
  std::size_t found = 0;
  std::size_t agreeing = 0;
  std::uint32_t holder = kNoNode;
  std::uint32_t representative = kNoNode;
};

bool HangsBelow(const HeapGraph& graph, std::uint32_t number, std::uint32_t holder) {
  while (number != holder) {
    if (graph.node(number).parent_is_root) return false;
    number = graph.node(number).parent;
  }
  return true;
}

Vote Elect(const HeapGraph& graph, const std::vector<std::uint32_t>& places) {
  Vote vote;
  vote.found = places.size();
  // An object may own several blocks (a tensor its body, its storage, its data): they vote
  // together.
  std::map<std::uint64_t, std::vector<std::uint32_t>> groups;
  for (const std::uint32_t place : places) {
    groups[MaskedPath(graph, NearestObject(graph, place))].push_back(place);
  }
  const std::vector<std::uint32_t>* largest = nullptr;
  for (const auto& [path, group] : groups) {
    if (largest == nullptr || group.size() > largest->size()) largest = &group;
  }
  if (largest == nullptr) return vote;
  vote.agreeing = largest->size();
  vote.representative = (*largest)[largest->size() / 2];
  std::uint32_t common = NearestObject(graph, largest->front());
  for (const std::uint32_t place : *largest) {
    if (common == kNoNode) break;
    common = CommonAncestor(graph, common, NearestObject(graph, place));
  }
  if (common == kNoNode) return vote;
  vote.holder = common;
  // Places of another shape (the second item of a tuple beside the first) hang there all the same.
  vote.agreeing = static_cast<std::size_t>(
      std::count_if(places.begin(), places.end(),
                    [&](std::uint32_t place) { return HangsBelow(graph, place, common); }));
  return vote;
}

// An attribute dict is printed as the object that it belongs to.
std::uint32_t PrintableHolder(const HeapGraph& graph, std::uint32_t number) {
  const HeapGraph::Node& node = graph.node(number);
  return node.label == Label::kDict && !node.parent_is_root ? node.parent : number;
}

// Who took the container's own table or array, as it was when the graph was made.
std::optional<model::StackId> FilledFrom(const HeapGraph& graph, std::uint32_t holder,
                                         const std::vector<model::LiveBlock>* live) {
  const std::uint64_t buffer = graph.node(holder).buffer;
  if (live == nullptr || buffer == 0) return std::nullopt;
  const auto it = std::lower_bound(
      live->begin(), live->end(), buffer,
      [](const model::LiveBlock& block, std::uint64_t address) { return block.address < address; });
  if (it == live->end() || it->address != buffer) return std::nullopt;
  return it->stack;
}

HolderPath Describe(const HeapGraph& graph, const Vote& vote,
                    const std::vector<std::uint32_t>& graph_nodes_below,
                    const std::vector<model::LiveBlock>* live) {
  HolderPath path;
  const std::uint32_t held = NearestObject(graph, vote.representative);
  path.path = graph.Path(held);
  path.text = graph.PathText(held);
  path.root = model::RootKindName(graph.RootOf(held).kind);
  path.held_type = graph.type_name(graph.node(held));
  const std::uint32_t holder = PrintableHolder(graph, vote.holder);
  path.holder_text = graph.PathText(holder);
  path.holder_type = graph.type_name(graph.node(holder));
  if (graph.node(vote.holder).length != 0) path.holder_length = graph.node(vote.holder).length - 1;
  // From the held object to its block by more than one pointer: gc cannot see that chain.
  std::uint32_t native_steps = 0;
  for (std::uint32_t n = vote.representative; graph.node(n).is_block; n = graph.node(n).parent) {
    ++native_steps;
    if (graph.node(n).parent_is_root) break;
  }
  path.invisible_to_gc = native_steps > 1;
  path.through_graph = graph_nodes_below[vote.holder] * 2 >= vote.agreeing;
  path.filled_from = FilledFrom(graph, vote.holder, live);
  return path;
}

}  // namespace

HolderReport FindHolders(const HolderInput& input, const HolderOptions& options) {
  const HeapGraph* before = input.before;
  const HeapGraph& last = *input.last;
  const model::WindowView& view = *input.view;
  HolderReport report;
  report.objects = last.objects();
  report.seconds_between = before == nullptr ? 0 : input.seconds_between;
  const std::vector<std::uint32_t> graph_nodes = CountGraphNodes(last);

  std::unordered_map<std::uint64_t, std::uint32_t> block_nodes;
  for (std::uint32_t i = 0; i < last.nodes().size(); ++i) {
    if (last.node(i).is_block) block_nodes.emplace(last.node(i).address, i);
  }
  for (std::size_t s = 0; s < view.stacks.size() && s < options.stacks; ++s) {
    const model::StackGrowth& growth = view.stacks[s];
    // Objects in pools are looked up by type.
    if (growth.is_arena || growth.process != input.process) continue;
    StackHolder holder;
    holder.process = growth.process;
    holder.stack = growth.stack;
    holder.sampled = growth.sample.size();
    std::vector<std::uint32_t> places;
    for (const model::SurvivorBlock& block : growth.sample) {
      const auto it = block_nodes.find(block.address);
      if (it != block_nodes.end()) places.push_back(it->second);
    }
    const Vote vote = Elect(last, places);
    holder.found = vote.found;
    holder.agreeing = vote.agreeing;
    if (vote.holder == kNoNode) {
      holder.why_not = vote.found == 0 ? "no survivor is reachable from a Python object"
                                       : "the survivors hang at different places";
    } else {
      holder.holder = Describe(last, vote, graph_nodes, input.live);
    }
    report.stacks.push_back(std::move(holder));
  }
  if (before == nullptr) return report;

  struct Tally {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::int64_t bytes = 0;
  };
  std::unordered_map<std::string, Tally> tallies;
  std::unordered_set<std::uint64_t> known;
  for (const HeapGraph::Node& node : before->nodes()) {
    if (node.is_block) continue;
    Tally& tally = tallies[before->type_name(node)];
    ++tally.before;
    tally.bytes -= static_cast<std::int64_t>(node.bytes);
    known.insert(node.address);
  }
  for (const HeapGraph::Node& node : last.nodes()) {
    if (node.is_block) continue;
    Tally& tally = tallies[last.type_name(node)];
    ++tally.after;
    tally.bytes += static_cast<std::int64_t>(node.bytes);
  }
  for (const auto& [type, tally] : tallies) {
    if (tally.after <= tally.before || tally.bytes <= 0) continue;
    report.types.push_back(
        TypeGrowth{type, tally.before, tally.after, tally.bytes, 0, 0, std::nullopt});
  }
  std::sort(report.types.begin(), report.types.end(), [](const TypeGrowth& a, const TypeGrowth& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.type < b.type;
  });
  if (report.types.size() > options.types) report.types.resize(options.types);

  std::unordered_map<std::string, std::vector<std::uint32_t>> fresh;
  for (const TypeGrowth& type : report.types) fresh[type.type];
  for (std::uint32_t i = 0; i < last.nodes().size(); ++i) {
    const HeapGraph::Node& node = last.node(i);
    if (node.is_block || known.contains(node.address)) continue;
    const auto it = fresh.find(last.type_name(node));
    if (it != fresh.end()) it->second.push_back(i);
  }
  for (TypeGrowth& type : report.types) {
    const std::vector<std::uint32_t>& all = fresh[type.type];
    std::vector<std::uint32_t> places;
    const std::size_t step = all.size() / options.objects_per_type + 1;
    for (std::size_t i = 0; i < all.size(); i += step) places.push_back(all[i]);
    const Vote vote = Elect(last, places);
    type.sampled = places.size();
    type.agreeing = vote.agreeing;
    if (vote.holder != kNoNode) type.holder = Describe(last, vote, graph_nodes, input.live);
  }
  return report;
}

}  // namespace memwhy::analysis
