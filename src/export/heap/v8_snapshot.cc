// SPDX-License-Identifier: Apache-2.0
#include "export/heap/v8_snapshot.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/text.h"

namespace memwhy::exports {
namespace {

using model::ObjectGraph;
using wire::EdgeKind;
using Node = ObjectGraph::Node;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kNodeFields = 5;

// Positions in the lists of types below.
enum class NodeType { kObject = 3, kNative = 8, kSynthetic = 9 };
enum class EdgeType { kContext = 0, kElement, kProperty, kInternal, kHidden, kShortcut, kWeak };

// The readers look lists and types up by name.
constexpr std::string_view kMeta =
    R"("meta":{"node_fields":["type","name","id","self_size","edge_count"],)"
    R"("node_types":[["hidden","array","string","object","code","closure","regexp","number",)"
    R"("native","synthetic","concatenated string","sliced string","symbol","bigint",)"
    R"("object shape"],"string","number","number","number"],)"
    R"("edge_fields":["type","name_or_index","to_node"],)"
    R"("edge_types":[["context","element","property","internal","hidden","shortcut","weak"],)"
    R"("string_or_number","node"],"trace_function_info_fields":[],"trace_node_fields":[],)"
    R"("sample_fields":[],"location_fields":[]})";

class Strings {
 public:
  std::uint64_t Number(std::string_view text) {
    if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    const auto added = numbers_.emplace(std::string(text), texts_.size()).first;
    texts_.push_back(&added->first);
    return added->second;
  }
  const std::vector<const std::string*>& texts() const { return texts_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> numbers_;
  std::vector<const std::string*> texts_;  // a map's keys stay where they are
};

class SnapshotWriter {
 public:
  SnapshotWriter(const ObjectGraph& graph, Sink& sink)
      : graph_(graph), sink_(sink), weak_(graph.weak().begin(), graph.weak().end()) {
    std::sort(weak_.begin(), weak_.end());
    for (Node root = graph.first_root(); root < graph.size(); ++root) {
      roots_of_kind_[DumpRootName(graph.root(root))].push_back(root);
    }
  }

  Result<void> Write() {
    const std::uint64_t nodes = FirstObject() + (graph_.first_root() - ObjectGraph::kFirst);
    if (nodes * kNodeFields > kMax) {
      return Error::Of("{} nodes are more than a V8 heap snapshot can number", nodes);
    }
    WriteHead(nodes);
    sink_.Write("\"nodes\":[");
    WriteNodes();
    sink_.Write("],\n\"edges\":[");
    WriteEdges();
    sink_.Write(
        "],\n\"trace_function_infos\":[],\"trace_tree\":[],\"samples\":[],\"locations\":[],\n"
        "\"strings\":[");
    WriteStrings();
    sink_.Write("]}\n");
    return sink_.Finish();
  }

 private:
  // Nodes in the order of the file: the root, kinds of roots, roots kind by kind, objects.
  std::uint64_t FirstRoot() const { return 1 + roots_of_kind_.size(); }
  std::uint64_t FirstObject() const { return FirstRoot() + (graph_.size() - graph_.first_root()); }
  std::uint64_t NumberOf(Node object) const {
    return FirstObject() + (object - ObjectGraph::kFirst);
  }

  std::uint64_t StrongEdges(Node node) const {
    const auto targets = graph_.Targets(node);
    return targets.size() - static_cast<std::uint64_t>(std::count(targets.begin(), targets.end(),
                                                                  Node{ObjectGraph::kNothing}));
  }
  std::span<const std::pair<Node, Node>> WeakEdges(Node node) const {
    const auto [first, last] =
        std::equal_range(weak_.begin(), weak_.end(), std::pair(node, Node{0}),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
    return {first, last};
  }

  void WriteHead(std::uint64_t nodes) {
    std::uint64_t edges = roots_of_kind_.size() + (graph_.size() - graph_.first_root());
    for (Node node = ObjectGraph::kFirst; node < graph_.size(); ++node) edges += StrongEdges(node);
    edges += weak_.size();
    sink_.Write(fmt::format(
        "{{\"snapshot\":{{{},\"node_count\":{},\"edge_count\":{},\"trace_function_count\":0}},\n",
        kMeta, nodes, edges));
  }

  void WriteNodes() {
    WriteNode(NodeType::kSynthetic, "", 0, roots_of_kind_.size());
    for (const auto& [kind, roots] : roots_of_kind_) {
      WriteNode(NodeType::kSynthetic, fmt::format("({})", kind), 0, roots.size());
    }
    for (const auto& [kind, roots] : roots_of_kind_) {
      for (const Node root : roots) {
        WriteNode(NodeType::kSynthetic, graph_.root(root).name, 0, StrongEdges(root));
      }
    }
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
      WriteNode(graph_.IsBuffer(node) ? NodeType::kNative : NodeType::kObject,
                graph_.TypeName(node), graph_.bytes(node),
                StrongEdges(node) + WeakEdges(node).size());
    }
  }

  void WriteNode(NodeType type, std::string_view name, std::uint64_t bytes, std::uint64_t edges) {
    Begin();
    Number(static_cast<std::uint64_t>(type));
    Number(strings_.Number(name));
    Number(2 * written_++ + 1);  // an odd id is an object of the program, not of the browser
    Number(std::min(bytes, kMax));
    Number(edges);
    End();
  }

  void WriteEdges() {
    written_ = 0;
    std::uint64_t number = 1;
    for (const auto& [kind, roots] : roots_of_kind_) {
      WriteEdge(EdgeType::kInternal, strings_.Number(kind), number++);
    }
    for (const auto& [kind, roots] : roots_of_kind_) {
      for (const Node root : roots) {
        WriteEdge(EdgeType::kInternal, strings_.Number(graph_.root(root).name), number++);
      }
    }
    for (const auto& [kind, roots] : roots_of_kind_) {
      for (const Node root : roots) WriteEdgesOf(root);
    }
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
      WriteEdgesOf(node);
      for (const auto& [source, target] : WeakEdges(node)) {
        WriteEdge(EdgeType::kWeak, strings_.Number("weak"), NumberOf(target));
      }
    }
  }

  void WriteEdgesOf(Node node) {
    const auto targets = graph_.Targets(node);
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      if (targets[i] == ObjectGraph::kNothing) continue;
      const auto [type, name] = NameOf(graph_.LabelOf(node, i), i);
      WriteEdge(type, name, NumberOf(targets[i]));
    }
  }

  // What kind of edge it is and its name's number among the strings, or the number that is its
  // name.
  std::pair<EdgeType, std::uint64_t> NameOf(const ObjectGraph::Label& label, std::uint32_t place) {
    const auto named = [&](EdgeType type, std::string_view text) {
      return std::pair(type, strings_.Number(text));
    };
    switch (label.kind) {
      case EdgeKind::kAttribute:
        return named(EdgeType::kProperty, label.text);
      case EdgeKind::kAttributes:
        return named(EdgeType::kInternal, "__dict__");
      case EdgeKind::kIndex:
        return NumberName(label.number);
      case EdgeKind::kKey:
        return named(EdgeType::kInternal, "key");
      case EdgeKind::kValue:
        if (label.is_number) return NumberName(label.number);
        if (label.text.data() != nullptr) return named(EdgeType::kProperty, label.text);
        return named(EdgeType::kProperty, KeyTypeName(label.key));
      case EdgeKind::kLocal:
      case EdgeKind::kCell:
        return named(EdgeType::kContext, label.text);
      case EdgeKind::kType:
        return named(EdgeType::kInternal, "type");
      case EdgeKind::kNative:
        return named(EdgeType::kInternal, "native");
      case EdgeKind::kInternal:
        return named(EdgeType::kInternal, label.text);
      case EdgeKind::kNone:
      case EdgeKind::kItem:
        break;
    }
    return {EdgeType::kHidden, place};
  }
  std::pair<EdgeType, std::uint64_t> NumberName(std::int64_t number) {
    if (number >= 0 && static_cast<std::uint64_t>(number) <= kMax) {
      return {EdgeType::kElement, static_cast<std::uint64_t>(number)};
    }
    return {EdgeType::kProperty, strings_.Number(std::to_string(number))};
  }
  std::string KeyTypeName(Node key) const {
    const bool is_known = key >= ObjectGraph::kFirst && key < graph_.first_root();
    return fmt::format("<{}>", is_known ? graph_.TypeName(key) : "?");
  }

  void WriteEdge(EdgeType type, std::uint64_t name, std::uint64_t to) {
    Begin();
    Number(static_cast<std::uint64_t>(type));
    Number(name);
    Number(to * kNodeFields);
    End();
    ++written_;
  }

  void WriteStrings() {
    bool is_first = true;
    for (const std::string* text : strings_.texts()) {
      line_ = is_first ? "" : ",\n";
      AppendJsonString(*text, &line_);
      sink_.Write(line_);
      is_first = false;
    }
  }

  // One line of numbers.
  void Begin() { line_ = written_ == 0 ? "" : "\n,"; }
  void Number(std::uint64_t number) {
    char digits[20];
    const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number);
    line_.append(digits, end);
    line_.push_back(',');
  }
  void End() {
    line_.pop_back();
    sink_.Write(line_);
  }

  const ObjectGraph& graph_;
  Sink& sink_;
  std::vector<std::pair<Node, Node>> weak_;                 // source, target; sorted
  std::map<std::string, std::vector<Node>> roots_of_kind_;  // by name
  Strings strings_;
  std::string line_;
  std::uint64_t written_ = 0;
};

}  // namespace

Result<void> WriteV8Snapshot(const ObjectGraph& graph, Sink& sink) {
  return SnapshotWriter(graph, sink).Write();
}

}  // namespace memwhy::exports
