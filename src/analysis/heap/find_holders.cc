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
#include "analysis/heap/path_groups.h"
#include "analysis/heap/pile_types.h"
#include "analysis/heap/type_rank.h"
#include "base/strings.h"
#include "model/sites/growth_by_size.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = HolderTree::Node;
using wire::EdgeKind;

constexpr std::uint64_t kMaxPooledBytes = 512;  // pymalloc's SMALL_REQUEST_THRESHOLD

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
  Node link = HolderTree::kNone;  // the holder is a chain: its second object
};

// Follows the chain that `vote` has elected a link of up to its first object.
void ElectChain(const HolderTree& tree, PathGroups& groups, Vote* vote) {
  const Node head = groups.ChainHead(vote->holder);
  if (head == HolderTree::kNone || head == vote->holder) return;
  Node link = vote->holder;
  for (Node at = vote->holder; at != head; at = tree.ParentOf(at)) {
    if (tree.graph().type_id(at) == tree.graph().type_id(head)) link = at;
  }
  vote->holder = head;
  vote->link = link;
}

Vote Elect(const HolderTree& tree, PathGroups& groups, const std::vector<Node>& places) {
  Vote vote;
  vote.found = places.size();
  // An object may own several blocks (a tensor its body, its storage, its data): they vote
  // together.
  std::map<std::uint64_t, std::vector<Node>> alike;
  for (const Node place : places) {
    alike[groups.GroupOf(tree.NearestObject(place))].push_back(place);
  }
  const std::vector<Node>* largest = nullptr;
  for (const auto& [path, group] : alike) {
    if (largest == nullptr || group.size() > largest->size()) largest = &group;
  }
  if (largest == nullptr) return vote;
  vote.agreeing = largest->size();
  vote.representative = (*largest)[largest->size() / 2];
  std::vector<Node> objects;
  for (const Node place : *largest) objects.push_back(tree.NearestObject(place));
  vote.holder = tree.CommonAncestor(objects);
  if (vote.holder == HolderTree::kNone) {
    // Callbacks of the interpreter have a root each: together they are the holder.
    vote.holder = tree.CommonRegistry(objects);
    return vote;
  }
  ElectChain(tree, groups, &vote);
  // Places of another shape (the second item of a tuple beside the first) hang there all the same.
  vote.agreeing = tree.CountBelow(places, vote.holder);
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
                                         const model::Births* births) {
  if (births == nullptr) return std::nullopt;
  const model::LiveBlock* largest = nullptr;
  for (const auto& [address, owner] : graph.own_blocks()) {
    if (owner != holder) continue;
    const model::LiveBlock* block = births->Find(address);
    if (block == nullptr || block->address != address) continue;
    if (largest == nullptr || block->size > largest->size) largest = block;
  }
  return largest == nullptr ? std::nullopt : std::optional(largest->stack);
}

// What a program's author calls the things that accumulate: the held object, or, where that is of
// the interpreter's own or of the standard library, what the author made around it.
std::string HeldType(const HolderTree& tree, Node holder, Node held) {
  const ObjectGraph& graph = tree.graph();
  std::string_view best = graph.TypeName(held);
  if (RankOf(best) < TypeRank::kStandardLibrary) return std::string(best);
  for (Node at = held; at != holder && at != HolderTree::kNone; at = tree.ParentOf(at)) {
    // Of two that say as much, the outer one.
    if (graph.IsObject(at) && RankOf(graph.TypeName(at)) <= TypeRank::kLibrary &&
        RankOf(graph.TypeName(at)) <= RankOf(best)) {
      best = graph.TypeName(at);
    }
  }
  return std::string(best);
}

bool IsPlainContainer(std::string_view type) {
  constexpr std::string_view kPlain[] = {"dict", "list",      "tuple",
                                         "set",  "frozenset", "collections.deque"};
  return std::find(std::begin(kPlain), std::end(kPlain), type) != std::end(kPlain);
}

// The type of the first object between the two, both left out, that is no plain container, or that
// of `held`.
std::string ElementType(const HolderTree& tree, Node holder, Node held) {
  const ObjectGraph& graph = tree.graph();
  std::string_view type;
  for (Node at = held; at != holder && at != HolderTree::kNone; at = tree.ParentOf(at)) {
    if (graph.IsObject(at) && !IsPlainContainer(graph.TypeName(at))) type = graph.TypeName(at);
  }
  return std::string(type);
}

std::string OwnerType(const HolderTree& tree, Node holder) {
  const ObjectGraph& graph = tree.graph();
  for (Node at = tree.ParentOf(holder); at != HolderTree::kNone; at = tree.ParentOf(at)) {
    if (graph.IsObject(at) && !IsPlainContainer(graph.TypeName(at))) {
      return std::string(graph.TypeName(at));
    }
  }
  return "";
}

ChainPath DescribeChain(const HolderTree& tree, const Vote& vote) {
  const ObjectGraph& graph = tree.graph();
  const std::string head = tree.paths().To(vote.holder).text;
  const std::string next = tree.paths().To(vote.link).text;
  ChainPath chain;
  chain.link = next.size() > head.size() ? next.substr(head.size()) : next;
  chain.type = graph.TypeName(vote.holder);
  std::vector<bool> is_below(graph.size());
  for (const Node node : tree.order()) {
    const Node parent = tree.ParentOf(node);
    is_below[node] = node == vote.holder || (parent != HolderTree::kNone && is_below[parent]);
    if (is_below[node] && graph.IsObject(node) &&
        graph.type_id(node) == graph.type_id(vote.holder)) {
      ++chain.length;
    }
  }
  return chain;
}

HolderPath DescribePath(const HolderTree& tree, const Vote& vote,
                        const std::vector<std::uint32_t>& graph_nodes_below,
                        const model::Births* births) {
  const ObjectGraph& graph = tree.graph();
  HolderPath path;
  const Node held = tree.NearestObject(vote.representative);
  const HeapPath to_held = tree.paths().To(held);
  path.path = to_held.steps;
  path.text = to_held.text;
  path.root = model::DumpRootName(graph.root(tree.RootOf(held)));
  path.held_type = HeldType(tree, vote.holder, held);
  path.element_type = ElementType(tree, vote.holder, held);
  if (graph.IsRoot(vote.holder)) {
    path.holder_text = graph.root(vote.holder).name;
    path.holder_length = tree.CountAlike(vote.holder);
    return path;
  }
  const Node holder = PrintableHolder(tree, vote.holder);
  path.holder_text = tree.paths().To(holder).text;
  path.holder_type = graph.TypeName(holder);
  path.holder_length = graph.LengthOf(vote.holder);
  path.owner_type = OwnerType(tree, holder);
  if (vote.link != HolderTree::kNone) path.chain = DescribeChain(tree, vote);
  // From the held object to its block by more than one pointer: gc cannot see that chain.
  std::uint32_t native_steps = 0;
  for (Node node = vote.representative; node != HolderTree::kNone && graph.IsBuffer(node);
       node = tree.ParentOf(node)) {
    ++native_steps;
  }
  path.invisible_to_gc = native_steps > 1;
  path.through_graph = graph_nodes_below[vote.holder] * 2 >= vote.agreeing;
  path.filled_from = FilledFrom(graph, vote.holder, births);
  if (EndsWith(path.holder_text, "._function_cache._primary")) {
    path.retraced = FindRetracedArgument(graph, holder);
  }
  return path;
}

bool IsEnlarged(const model::StackGrowth& row, const model::LiveBlock& block) {
  if (!row.is_resized) return block.stack == row.first_stack;
  const bool is_moved = block.allocator == wire::Allocator::kRealloc ||
                        block.allocator == wire::Allocator::kReallocarray ||
                        block.allocator == wire::Allocator::kMremap;
  return is_moved && block.size >= model::kMinResized &&
         (block.stack == row.first_stack || std::find(row.enlarging.begin(), row.enlarging.end(),
                                                      block.stack) != row.enlarging.end());
}

// The blocks of a row that grows by size when the dump was taken: between the window's end and then
// another may have taken the place of each.
std::vector<model::SurvivorBlock> GrownBlocks(const model::StackGrowth& row,
                                              const model::Births* births) {
  std::vector<model::SurvivorBlock> blocks;
  if (births != nullptr) {
    for (const model::LiveBlock& block : births->all()) {
      if (block.allocator == wire::Allocator::kPymallocArena || !IsEnlarged(row, block)) continue;
      blocks.push_back({block.address, block.size, block.born});
    }
  }
  model::KeepLargest(&blocks);
  return blocks.empty() ? row.largest : blocks;
}

std::uint64_t BytesWithBuffers(const ObjectGraph& graph, Node node) {
  std::uint64_t bytes = graph.bytes(node);
  for (const Node target : graph.Targets(node)) {
    if (graph.IsBuffer(target) && graph.DeviceOf(target).empty()) bytes += graph.bytes(target);
  }
  return bytes;
}

// What the objects at `places` were in the dump before, and are now. An array that was replaced is
// another object.
std::optional<std::pair<std::uint64_t, std::uint64_t>> Resized(const HolderTree& tree,
                                                               const ObjectGraph* before,
                                                               const std::vector<Node>& places) {
  if (before == nullptr) return std::nullopt;
  const ObjectGraph& last = tree.graph();
  std::uint64_t was = 0;
  std::uint64_t is = 0;
  for (const Node place : places) {
    const Node now = tree.NearestObject(place);
    if (!last.IsObject(now)) continue;
    const Node then = before->Find(last.address(now));
    if (then == ObjectGraph::kNone || before->TypeName(then) != last.TypeName(now)) continue;
    was += BytesWithBuffers(*before, then);
    is += BytesWithBuffers(last, now);
  }
  return is == 0 ? std::nullopt : std::optional(std::pair(was, is));
}

// The loss that most of `nodes` belong to.
LossVote VoteForLoss(const Losses& losses, const std::vector<Node>& nodes) {
  std::map<std::uint32_t, std::size_t> votes;
  for (const Node node : nodes) {
    const std::uint32_t loss = losses.Of(node);
    if (loss != Losses::kNone) ++votes[loss];
  }
  LossVote vote;
  for (const auto& [loss, count] : votes) {
    if (count > vote.agreeing) vote = {loss, count};
  }
  return vote;
}

Makers FindMakers(const ObjectGraph& graph, const std::vector<Node>& nodes,
                  const model::Births* births) {
  Makers makers;
  if (births == nullptr) return makers;
  std::map<std::uint32_t, std::size_t> counts;
  for (const Node node : nodes) {
    const model::LiveBlock* block = births->Find(graph.address(node));
    // An arena is no birth of the objects in it.
    if (block == nullptr || block->allocator == wire::Allocator::kPymallocArena) continue;
    ++makers.known;
    ++counts[block->stack.value];
  }
  for (const auto& [stack, count] : counts) {
    makers.stacks.emplace_back(model::StackId{stack}, count);
  }
  std::stable_sort(makers.stacks.begin(), makers.stacks.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return makers;
}

void ReportLosses(const ObjectGraph* before, const Losses& losses, HolderReport* report) {
  if (losses.all().empty()) return;
  std::optional<LossCounts> counts;
  if (before != nullptr) counts.emplace(*before);
  for (const Loss& loss : losses.all()) {
    LossGrowth growth{loss, std::nullopt};
    if (counts) growth.before = counts->CountOf(loss);
    report->losses.push_back(std::move(growth));
  }
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
  PathGroups groups(tree);
  const Losses losses(tree);
  const std::vector<std::uint32_t> graph_nodes = CountGraphNodes(tree);

  for (std::size_t s = 0; s < view.stacks.size() && s < options.stacks; ++s) {
    const model::StackGrowth& growth = view.stacks[s];
    // Objects in pools are looked up by type.
    if (growth.is_arena || growth.process != input.process) continue;
    StackHolder holder;
    holder.process = growth.process;
    holder.stack = growth.first_stack;
    holder.is_resized = growth.is_resized;
    const bool by_size = growth.grown_by_size > 0;
    const std::vector<model::SurvivorBlock> sample =
        by_size ? GrownBlocks(growth, input.births) : growth.sample;
    holder.sampled = sample.size();
    std::vector<Node> places;
    std::vector<Node> unheld;
    for (const model::SurvivorBlock& block : sample) {
      const Node node = last.FindOwner(block.address);
      if (node == ObjectGraph::kNone) continue;
      (tree.IsHeld(node) ? places : unheld).push_back(node);
    }
    holder.lost = VoteForLoss(losses, unheld);
    const Vote vote = Elect(tree, groups, places);
    holder.found = vote.found;
    holder.agreeing = vote.agreeing;
    if (vote.holder == HolderTree::kNone) {
      holder.why_not = vote.found == 0 ? "no survivor is reachable from a Python object"
                                       : "the survivors are held in different places";
    } else {
      holder.holder = DescribePath(tree, vote, graph_nodes, input.births);
    }
    if (holder.holder && by_size) {
      holder.holder->resized = Resized(tree, before, places);
      if (holder.holder->resized &&
          holder.holder->resized->second <= holder.holder->resized->first) {
        holder.holder.reset();
        holder.why_not = "the objects that have these blocks did not become larger";
      }
    }
    report.stacks.push_back(std::move(holder));
  }
  ReportLosses(before, losses, &report);
  if (before == nullptr) return report;

  struct Tally {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t bytes = 0;  // after less before, modulo 2^64: a damaged dump may say anything
    std::uint64_t pooled = 0;
    std::int64_t growth() const { return static_cast<std::int64_t>(bytes); }
  };
  std::unordered_map<std::string_view, Tally> tallies;
  std::unordered_set<std::uint64_t> known;
  for (Node node = ObjectGraph::kFirst; node < before->first_root(); ++node) {
    if (!before->IsObject(node)) continue;
    Tally& tally = tallies[before->TypeName(node)];
    ++tally.before;
    tally.bytes -= before->bytes(node);
    if (before->bytes(node) <= kMaxPooledBytes) tally.pooled -= before->bytes(node);
    known.insert(before->address(node));
  }
  for (Node node = ObjectGraph::kFirst; node < last.first_root(); ++node) {
    if (!last.IsObject(node)) continue;
    Tally& tally = tallies[last.TypeName(node)];
    ++tally.after;
    tally.bytes += last.bytes(node);
    if (last.bytes(node) <= kMaxPooledBytes) tally.pooled += last.bytes(node);
  }
  for (const auto& [type, tally] : tallies) {
    if (tally.after <= tally.before || tally.growth() <= 0) continue;
    TypeGrowth& growth = report.types.emplace_back();
    growth.type = type;
    growth.before = tally.before;
    growth.after = tally.after;
    growth.bytes = tally.growth();
    growth.pooled = static_cast<std::int64_t>(tally.pooled);
  }
  std::sort(report.types.begin(), report.types.end(), [](const TypeGrowth& a, const TypeGrowth& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.type < b.type;
  });
  // Those that are work under way count by number, not by bytes.
  if (report.types.size() > options.types) {
    const auto most = report.types.begin() + static_cast<std::ptrdiff_t>(options.types);
    const auto rest = std::stable_partition(
        most, report.types.end(), [](const TypeGrowth& type) { return IsPileType(type.type); });
    report.types.erase(rest, report.types.end());
  }

  std::unordered_map<std::string_view, std::vector<Node>> fresh;
  for (const TypeGrowth& type : report.types) fresh[type.type];
  for (Node node = ObjectGraph::kFirst; node < last.first_root(); ++node) {
    if (!last.IsObject(node) || known.contains(last.address(node))) continue;
    const auto it = fresh.find(last.TypeName(node));
    if (it != fresh.end()) it->second.push_back(node);
  }
  for (TypeGrowth& type : report.types) {
    const std::vector<Node>& all = fresh[type.type];
    std::vector<Node> sample;
    std::vector<Node> places;
    const std::size_t step = all.size() / options.objects_per_type + 1;
    for (std::size_t i = 0; i < all.size(); i += step) {
      sample.push_back(all[i]);
      if (tree.IsHeld(all[i])) places.push_back(all[i]);
    }
    type.lost = VoteForLoss(losses, sample);
    type.makers = FindMakers(last, sample, input.births);
    if (input.object_seconds > 0 && !sample.empty()) {
      const double share = static_cast<double>(type.makers.known) / sample.size();
      type.late_rate = share * static_cast<double>(all.size()) / input.object_seconds;
    }
    const Vote vote = Elect(tree, groups, places);
    type.sampled = sample.size();
    type.agreeing = vote.agreeing;
    if (vote.holder != HolderTree::kNone) {
      type.holder = DescribePath(tree, vote, graph_nodes, input.births);
    }
  }
  return report;
}

}  // namespace memwhy::analysis
