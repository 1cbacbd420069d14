// SPDX-License-Identifier: Apache-2.0
//
// A heap graph file: parsing, the path of every node, and the search for holders with survivors
// among its blocks. One frame is one graph, two are before and last; the file header is put in
// front of a frame unless its first byte is 0xff.
#include "analysis/find_holders.h"
#include "fuzz_input.h"
#include "model/heap_graph.h"

namespace {

using memwhy::model::HeapGraph;

std::string FileOf(std::string_view frame) {
  if (!frame.empty() && frame[0] == '\xff') return std::string(frame.substr(1));
  std::string file(memwhy::wire::kGraphMagic, sizeof(memwhy::wire::kGraphMagic));
  file.append("\x01\0\0\0", 4);
  return file.append(frame);
}

void CheckNodes(const HeapGraph& graph) {
  const std::size_t nodes = std::min<std::size_t>(graph.nodes().size(), 500);
  for (std::uint32_t i = 0; i < nodes; ++i) {
    const HeapGraph::Node& node = graph.node(i);
    MEMWHY_FUZZ_EXPECT(node.parent_is_root || node.parent < i);
    const auto path = graph.Path(i);
    MEMWHY_FUZZ_EXPECT(!path.empty());
    graph.PathText(i);
    graph.type_name(node);
    graph.label_text(node);
    memwhy::model::RootKindName(graph.RootOf(i).kind);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memwhy;
  const auto frames = fuzz::SplitFrames(fuzz::AsText(data, size));
  const auto last = HeapGraph::Parse(FileOf(frames.back()));
  if (!last) return 0;
  CheckNodes(*last);
  const auto before = HeapGraph::Parse(FileOf(frames.front()));
  if (before) CheckNodes(*before);

  model::WindowView view;
  std::vector<model::LiveBlock> live;
  for (std::uint32_t i = 0; i < last->nodes().size(); ++i) {
    const HeapGraph::Node& node = last->node(i);
    if (node.buffer != 0) {
      live.push_back({node.buffer, 64, model::StackId{5}, {}, model::ThreadId{}, 0});
    }
    if (!node.is_block) continue;
    // Blocks take turns in two stacks.
    if (view.stacks.size() < 2) view.stacks.emplace_back();
    view.stacks[i % view.stacks.size()].sample.push_back({node.address, node.bytes, 1.0});
  }
  std::sort(live.begin(), live.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  const bool has_before = frames.size() > 1 && before;
  const auto report = analysis::FindHolders(
      {has_before ? &*before : nullptr, &*last, 10, model::ProcessId{0}, &view, &live});
  for (const auto& stack : report.stacks) MEMWHY_FUZZ_EXPECT(stack.agreeing <= stack.found);
  return 0;
}
