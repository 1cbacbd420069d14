// SPDX-License-Identifier: Apache-2.0
#include "model/heap_graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unordered_map>

#include "wire/varint.h"

namespace memwhy::model {
namespace {

using wire::GraphTag;
using wire::Label;

// Reads the parts of a record; once something is wrong, `ok` stays false.
class Cursor {
 public:
  explicit Cursor(std::string_view file)
      : at_(reinterpret_cast<const std::uint8_t*>(file.data())), end_(at_ + file.size()) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return at_ == end_; }

  std::uint8_t Byte() {
    if (at_ == end_) return Fail();
    return *at_++;
  }

  std::uint64_t Number() {
    std::uint64_t value = 0;
    const std::uint8_t* next = wire::GetVarint(at_, end_, &value);
    if (next == nullptr) return Fail();
    at_ = next;
    return value;
  }

  std::int64_t Signed() { return wire::UnZigZag(Number()); }

  std::string_view Text() {
    const std::uint64_t n = Number();
    if (!ok_ || n > static_cast<std::uint64_t>(end_ - at_) || n > 4096) {
      Fail();
      return {};
    }
    std::string_view text(reinterpret_cast<const char*>(at_), n);
    at_ += n;
    return text;
  }

 private:
  std::uint8_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

bool HasText(Label label) {
  return label == Label::kAttribute || label == Label::kTextKey || label == Label::kOtherKey ||
         label == Label::kLocal || label == Label::kCell;
}

// One step as it is printed; `after_dict` tells that the step before led to an attribute dict.
std::string StepText(const HeapGraph& graph, const HeapGraph::Node& node, bool after_dict) {
  switch (node.label) {
    case Label::kAttribute:
    case Label::kLocal:
    case Label::kCell:
      return fmt::format(".{}", graph.label_text(node));
    case Label::kTextKey:
      return after_dict ? fmt::format(".{}", graph.label_text(node))
                        : fmt::format("['{}']", graph.label_text(node));
    case Label::kNumberKey:
    case Label::kIndex:
      return fmt::format("[{}]", node.number);
    case Label::kOtherKey:
      return fmt::format("[<{}>]", graph.label_text(node));
    case Label::kItem:
      return "[…]";
    case Label::kNative:
      return "";
    case Label::kDict:
      return "";
    case Label::kNone:
      return fmt::format(" -> {}", graph.type_name(node));
  }
  return "";
}

}  // namespace

const char* RootKindName(wire::RootKind kind) {
  switch (kind) {
    case wire::RootKind::kModuleGlobal:
      return "module global";
    case wire::RootKind::kFrameLocal:
      return "frame local";
    case wire::RootKind::kThreadState:
      return "thread state";
  }
  return "unexplained";
}

Result<HeapGraph> HeapGraph::Parse(std::string_view file) {
  constexpr std::size_t kHeader = sizeof(wire::kGraphMagic) + 4;
  if (file.size() < kHeader ||
      std::memcmp(file.data(), wire::kGraphMagic, sizeof(wire::kGraphMagic)) != 0) {
    return Error("not a heap graph of memwhy (its first bytes are something else)");
  }
  std::uint32_t version = 0;
  std::memcpy(&version, file.data() + sizeof(wire::kGraphMagic), 4);
  if (version != wire::kGraphVersion) {
    return Error::Of("heap graph version {}: this memwhy reads version {}", version,
                     wire::kGraphVersion);
  }
  HeapGraph graph;
  Cursor in(file.substr(kHeader));
  std::unordered_map<std::string_view, std::uint32_t> text_ids;
  std::int64_t address = 0;
  bool ended = false;
  while (in.ok() && !in.AtEnd() && !ended) {
    const auto tag = static_cast<GraphTag>(in.Byte());
    switch (tag) {
      case GraphTag::kType:
        graph.types_.emplace_back(in.Text());
        continue;
      case GraphTag::kNativeType:
        graph.native_types_.emplace_back(in.Text());
        continue;
      case GraphTag::kRoot: {
        const std::uint8_t kind = in.Byte();
        if (kind > static_cast<std::uint8_t>(wire::RootKind::kThreadState)) break;
        graph.roots_.push_back({static_cast<wire::RootKind>(kind), std::string(in.Text())});
        continue;
      }
      case GraphTag::kObject:
      case GraphTag::kBlock: {
        Node node;
        node.is_block = tag == GraphTag::kBlock;
        const std::uint64_t parent = in.Number();
        node.parent_is_root = parent == 0;
        const std::uint64_t number = parent == 0 ? in.Number() : parent - 1;
        const std::uint64_t limit = parent == 0 ? graph.roots_.size() : graph.nodes_.size();
        const std::uint8_t label = in.Byte();
        if (number >= limit || label > static_cast<std::uint8_t>(Label::kCell)) break;
        node.parent = static_cast<std::uint32_t>(number);
        node.label = static_cast<Label>(label);
        if (HasText(node.label)) {
          const std::string_view text = in.Text();
          const auto [it, is_new] =
              text_ids.try_emplace(text, static_cast<std::uint32_t>(graph.texts_.size()));
          if (is_new) graph.texts_.emplace_back(text);
          node.text = it->second;
        } else if (node.label == Label::kNumberKey) {
          node.number = in.Signed();
        } else if (node.label == Label::kIndex || node.label == Label::kNative) {
          node.number = static_cast<std::int64_t>(in.Number());
        }
        const std::uint64_t type = node.is_block ? 0 : in.Number();
        if (type >= graph.types_.size()) break;
        node.type = static_cast<std::uint32_t>(type);
        // Unsigned addition: a hostile delta may wrap, which is harmless.
        address = static_cast<std::int64_t>(static_cast<std::uint64_t>(address) +
                                            static_cast<std::uint64_t>(in.Signed()));
        node.address = static_cast<std::uint64_t>(address);
        node.bytes = in.Number();
        if (!node.is_block) {
          node.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(in.Number(), ~0u));
          if (node.length != 0) node.buffer = in.Number() << 3;
          ++graph.objects_;
        }
        // No object is larger than the address space; sums of sizes must not overflow.
        if (!in.ok() || node.bytes >> 47 != 0) break;
        graph.nodes_.push_back(node);
        continue;
      }
      case GraphTag::kBlockClass: {
        const std::uint64_t number = in.Number();
        const std::uint64_t type = in.Number();
        if (number >= graph.nodes_.size() || !graph.nodes_[number].is_block) break;
        if (type >= graph.native_types_.size()) break;
        graph.nodes_[number].type = static_cast<std::uint32_t>(type);
        continue;
      }
      case GraphTag::kEnd:
        ended = in.Number() == graph.objects_;
        in.Number();  // blocks
        in.Number();  // the pause that was predicted; the recorder keeps it with the measured one
        ended = ended && in.ok();
        break;
    }
    if (!ended) break;
  }
  if (!ended) {
    graph.damage_ = fmt::format("the heap graph ends early, after {} objects", graph.objects_);
  }
  return graph;
}

Result<HeapGraph> HeapGraph::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error::Of("heap graph {}: cannot be opened", path);
  const std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto graph = Parse(file);
  if (!graph) return graph.error().With("heap graph {}", path);
  return graph;
}

const std::string& HeapGraph::type_name(const Node& node) const {
  return node.is_block ? native_types_[node.type] : types_[node.type];
}

std::vector<std::string> HeapGraph::Path(std::uint32_t number) const {
  std::vector<std::uint32_t> chain;
  std::uint32_t at = number;
  while (true) {
    chain.push_back(at);
    if (nodes_[at].parent_is_root) break;
    at = nodes_[at].parent;
  }
  const Root& root = roots_[nodes_[at].parent];
  std::vector<std::string> steps;
  switch (root.kind) {
    case wire::RootKind::kModuleGlobal:
      steps.push_back("module " + root.name);
      break;
    case wire::RootKind::kFrameLocal:
      steps.push_back(root.name + "()");
      break;
    case wire::RootKind::kThreadState:
      steps.push_back(root.name);
      break;
  }
  bool after_dict = false;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    const Node& node = nodes_[*it];
    // The module object itself is what the root says already.
    const bool is_module = node.parent_is_root && root.kind == wire::RootKind::kModuleGlobal;
    if (!is_module) {
      std::string step = StepText(*this, node, after_dict);
      if (!step.empty()) steps.push_back(std::move(step));
    }
    after_dict = node.label == Label::kDict;
  }
  return steps;
}

std::string HeapGraph::PathText(std::uint32_t number) const {
  const std::vector<std::string> steps = Path(number);
  std::string text = steps[0];
  if (text.rfind("module ", 0) == 0) text.erase(0, 7);
  for (std::size_t i = 1; i < steps.size(); ++i) text += steps[i];
  return text;
}

const HeapGraph::Root& HeapGraph::RootOf(std::uint32_t number) const {
  while (!nodes_[number].parent_is_root) number = nodes_[number].parent;
  return roots_[nodes_[number].parent];
}

}  // namespace memwhy::model
