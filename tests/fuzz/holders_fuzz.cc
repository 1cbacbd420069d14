// SPDX-License-Identifier: Apache-2.0
//
// The search for holders in heap dumps: the tree of paths, and the vote, with survivors among the
// dump's blocks and tables. One frame is one dump, two are before and last; magic and version are
// put in front of a frame unless its first byte is 0xff.
#include "analysis/heap/find_holders.h"
#include "analysis/heap/holder_tree.h"
#include "fuzz_input.h"
#include "model/heap/fake_dump.h"

namespace {

using namespace memwhy;
using model::ObjectGraph;

std::optional<ObjectGraph> Load(std::string_view frame) {
  std::vector<std::uint8_t> bytes;
  if (frame.empty() || frame[0] != '\xff') {
    bytes = model::FakeDump().bytes();
  } else {
    frame.remove_prefix(1);
  }
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  model::FakeDumpSource source(std::move(bytes));
  auto graph = ObjectGraph::Load(source);
  if (!graph) return std::nullopt;
  return std::move(*graph);
}

void CheckTree(const ObjectGraph& graph) {
  const analysis::HeapPaths paths(graph);
  const analysis::HolderTree tree(graph, paths);
  std::vector<bool> is_seen(graph.size());
  for (const ObjectGraph::Node node : tree.order()) {
    const ObjectGraph::Node parent = tree.ParentOf(node);
    MEMWHY_FUZZ_EXPECT(parent == ObjectGraph::kNone || is_seen[parent]);
    MEMWHY_FUZZ_EXPECT(parent == ObjectGraph::kNone || tree.depth(parent) + 1 == tree.depth(node));
    MEMWHY_FUZZ_EXPECT(graph.IsRoot(tree.RootOf(node)));
    const ObjectGraph::Node twice[] = {node, node};
    MEMWHY_FUZZ_EXPECT(tree.CountBelow(twice, node) == 2);
    MEMWHY_FUZZ_EXPECT(tree.CommonAncestor(twice) == node);
    tree.StepOf(node);
    graph.LengthOf(node);
    is_seen[node] = true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frames = fuzz::SplitFrames(fuzz::AsText(data, size));
  const auto last = Load(frames.back());
  if (!last) return 0;
  CheckTree(*last);
  const auto before = Load(frames.front());

  model::WindowView view;
  std::vector<model::LiveBlock> live;
  std::size_t turn = 0;
  const auto survives = [&](std::uint64_t address, std::uint64_t bytes) {
    // Blocks take turns in two stacks.
    if (view.stacks.size() < 2) view.stacks.emplace_back();
    view.stacks[turn++ % view.stacks.size()].sample.push_back({address, bytes, 1.0});
    live.push_back({address, 64, model::StackId{5}, {}, model::ThreadId{}, 0});
  };
  for (const auto& [block, owner] : last->own_blocks()) survives(block, 64);
  for (auto node = ObjectGraph::kFirst; node < last->first_root(); ++node) {
    if (last->IsBuffer(node)) survives(last->address(node), last->bytes(node));
  }
  std::sort(live.begin(), live.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  const model::Births births(std::move(live));
  const bool has_before = frames.size() > 1 && before;
  const auto report = analysis::FindHolders(
      {has_before ? &*before : nullptr, &*last, 10, model::ProcessId{0}, &view, &births});
  for (const auto& stack : report.stacks) MEMWHY_FUZZ_EXPECT(stack.agreeing <= stack.found);
  return 0;
}
