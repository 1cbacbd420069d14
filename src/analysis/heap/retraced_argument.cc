// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/retraced_argument.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/strings.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

constexpr std::size_t kMaxTraces = 2000;
constexpr int kMaxDepth = 7;
constexpr std::size_t kMaxText = 4000;

template <typename Visit>
void ForEachEdge(const ObjectGraph& graph, Node node, const Visit& visit) {
  const auto targets = graph.Targets(node);
  for (std::uint32_t i = 0; i < targets.size(); ++i) visit(graph.LabelOf(node, i), targets[i]);
}

// An attribute, in a slot or in the instance's dict.
Node Attribute(const ObjectGraph& graph, Node node, std::string_view name) {
  Node found = ObjectGraph::kNone;
  if (node == ObjectGraph::kNone || !graph.IsObject(node)) return found;
  ForEachEdge(graph, node, [&](const ObjectGraph::Label& label, Node target) {
    if (label.kind == wire::EdgeKind::kAttribute && label.text == name) found = target;
    if (label.kind != wire::EdgeKind::kAttributes || !graph.IsObject(target)) return;
    ForEachEdge(graph, target, [&](const ObjectGraph::Label& inner, Node value) {
      if (inner.kind == wire::EdgeKind::kValue && inner.text == name) found = value;
    });
  });
  return found;
}

// What tells two types of an argument apart, and nothing that is made anew for each trace.
bool IsPartOfType(const ObjectGraph::Label& label) {
  switch (label.kind) {
    case wire::EdgeKind::kType:
    case wire::EdgeKind::kNone:
    case wire::EdgeKind::kNative:
    case wire::EdgeKind::kInternal:
      return false;
    default:
      // A name is no part of a TensorSpec's type; hashes and caches follow from the rest.
      return label.text != "_name" && !Contains(label.text, "hash") &&
             !Contains(label.text, "cache");
  }
}

void AppendType(const ObjectGraph& graph, Node node, int depth, std::string* out) {
  if (out->size() > kMaxText) return;
  if (node == ObjectGraph::kNothing || !graph.IsObject(node)) {
    *out += '-';
    return;
  }
  const std::string_view type = graph.TypeName(node);
  *out += type;
  const bool is_whole = EndsWith(type, ".DType") || type == "type";  // one object for each
  bool has_parts = false;
  if (depth < kMaxDepth && !is_whole) {
    ForEachEdge(graph, node, [&](const ObjectGraph::Label& label, Node target) {
      if (!IsPartOfType(label)) return;
      has_parts = true;
      *out += '(';
      AppendType(graph, target, depth + 1, out);
      *out += ')';
    });
  }
  if (!has_parts && type != "tuple" && type != "list" && type != "dict") {
    *out += fmt::format("@{:x}", graph.address(node));
  }
}

struct ArgumentTypes {
  std::set<std::string> types;
  bool is_literal = true;
};

}  // namespace

std::optional<RetracedArgument> FindRetracedArgument(const ObjectGraph& graph, Node cache) {
  if (cache == ObjectGraph::kNone || !graph.IsObject(cache)) return std::nullopt;
  std::map<std::string, ArgumentTypes> arguments;
  RetracedArgument out;
  ForEachEdge(graph, cache, [&](const ObjectGraph::Label& label, Node trace) {
    if (label.kind != wire::EdgeKind::kValue || out.traces >= kMaxTraces) return;
    const Node type = Attribute(graph, trace, "_function_type");
    Node parameters = Attribute(graph, type, "_parameters");
    if (parameters == ObjectGraph::kNone) return;
    if (graph.TypeName(parameters) == "mappingproxy" && !graph.Targets(parameters).empty()) {
      parameters = graph.Targets(parameters).front();
    }
    if (!graph.IsObject(parameters)) return;
    ++out.traces;
    ForEachEdge(graph, parameters, [&](const ObjectGraph::Label& name, Node parameter) {
      if (name.kind != wire::EdgeKind::kValue || name.is_number || name.text.empty()) return;
      const Node kind = Attribute(graph, parameter, "_annotation");
      if (kind == ObjectGraph::kNone) return;
      ArgumentTypes& seen = arguments[std::string(name.text)];
      std::string text;
      AppendType(graph, kind, 0, &text);
      seen.types.insert(std::move(text));
      seen.is_literal = seen.is_literal && EndsWith(graph.TypeName(kind), "default_types.Literal");
    });
  });
  for (const auto& [_, seen] : arguments) {
    out.distinct = std::max<std::uint64_t>(out.distinct, seen.types.size());
  }
  if (out.distinct < 2) return std::nullopt;
  const auto is_most = [&](const ArgumentTypes& seen) { return seen.types.size() == out.distinct; };
  // A Python value that differs as often says more than a tensor's type with large numbers.
  out.is_python_value = std::any_of(arguments.begin(), arguments.end(), [&](const auto& one) {
    return is_most(one.second) && one.second.is_literal;
  });
  for (const auto& [name, seen] : arguments) {
    if (is_most(seen) && seen.is_literal == out.is_python_value) out.names.push_back(name);
  }
  return out;
}

}  // namespace memwhy::analysis
