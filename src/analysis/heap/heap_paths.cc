// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_paths.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "base/bytes.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;
using wire::DumpRoot;
using wire::EdgeKind;

Csr CsrOf(const ObjectGraph& graph) { return {graph.begin(), graph.targets()}; }

std::uint8_t RootCost(const ObjectGraph::Root& root) {
  if (root.is_unexplained) return 40;
  switch (root.kind) {
    case DumpRoot::kModule:
      return 0;
    // A call under way holds what a module holds, too, while it looks at it: a few names more are
    // better than its.
    case DumpRoot::kFrame:
    case DumpRoot::kGreenlet:
      return 6;
    case DumpRoot::kContext:
    case DumpRoot::kThread:
      return 8;
    case DumpRoot::kNativeGlobal:
      return 20;
    case DumpRoot::kStack:
      return 22;  // may be left over from before
    case DumpRoot::kInterned:
    case DumpRoot::kInterpreter:
    case DumpRoot::kKeyTable:
      return 24;
  }
  return 40;
}

// What a module or a class must not be the way to: everything that the interpreter has hangs on
// each other by these.
bool IsPlumbing(std::string_view name) {
  constexpr std::string_view kNames[] = {"__globals__",  "__mro__",       "__bases__", "__base__",
                                         "__builtins__", "tp_subclasses", "f_globals", "f_builtins",
                                         "f_back",       "__module__",    "tp_cache",  "__class__"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::uint8_t LabelCost(const ObjectGraph::Label& label) {
  switch (label.kind) {
    case EdgeKind::kAttribute:
      return IsPlumbing(label.text) ? 12 : 1;
    case EdgeKind::kAttributes:
      return 0;
    case EdgeKind::kValue:
      return IsPlumbing(label.text) ? 12 : 1;
    case EdgeKind::kIndex:
    case EdgeKind::kLocal:
    case EdgeKind::kCell:
      return 1;
    case EdgeKind::kItem:
    case EdgeKind::kKey:
      return 2;
    case EdgeKind::kNone:
      return 3;
    case EdgeKind::kInternal:
      return IsPlumbing(label.text) ? 12 : 4;
    case EdgeKind::kNative:
      return 5;
    case EdgeKind::kType:
      return 14;
  }
  return 5;
}

// Inner parts of a context's map and of a thread-local: nobody has seen them.
bool IsHidden(std::string_view type) {
  return type == "hamt" || type.starts_with("hamt_") || type == "_thread._localdummy";
}

bool IsFrameLike(std::string_view type) {
  return type == "frame" || type == "generator" || type == "coroutine" || type == "async_generator";
}

// "waiter()" of a frame or generator; its type when the dump does not say.
std::string FunctionOf(const ObjectGraph& graph, Node node) {
  std::string_view text;
  std::int64_t number = 0;
  bool is_number = false;
  if (graph.KeyOf(node, &text, &number, &is_number) && !is_number) {
    return std::string(text) + "()";
  }
  return fmt::format("<{}>", graph.TypeName(node));
}

std::string Quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted.push_back('\\');
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "'";
}

// One edge as text; `in_attributes`: its source is the attribute dict of the step before.
std::string StepText(const ObjectGraph& graph, Node from, const ObjectGraph::Label& label, Node to,
                     bool in_attributes) {
  switch (label.kind) {
    case EdgeKind::kAttribute: {
      const bool is_split_dict = graph.IsObject(from) && graph.TypeName(from) == "dict";
      return is_split_dict && !in_attributes ? fmt::format("[{}]", Quote(label.text))
                                             : fmt::format(".{}", label.text);
    }
    case EdgeKind::kInternal:
      return fmt::format(".{}", label.text);
    case EdgeKind::kLocal:
      return fmt::format(".{}", label.text);
    case EdgeKind::kCell:
      return fmt::format(".{}", label.text);
    case EdgeKind::kAttributes:
      return "";
    case EdgeKind::kIndex:
      return fmt::format("[{}]", label.number);
    case EdgeKind::kKey:
      return fmt::format(" key <{}>", graph.TypeName(to));
    case EdgeKind::kValue:
      if (label.is_number) return fmt::format("[{}]", label.number);
      if (label.is_redacted) return fmt::format("[{}]", label.text);
      if (label.text.data() != nullptr) {
        return in_attributes ? fmt::format(".{}", label.text)
                             : fmt::format("[{}]", Quote(label.text));
      }
      if (label.key == ObjectGraph::kNothing) return "";  // an inner node of a context's map
      return fmt::format("[<{}>]", graph.IsObject(label.key) ? graph.TypeName(label.key) : "?");
    case EdgeKind::kItem:
    case EdgeKind::kNone: {
      const std::string_view holder = graph.IsObject(from) ? graph.TypeName(from) : "";
      if (holder == "set" || holder == "frozenset")
        return fmt::format("{{{}}}", graph.TypeName(to));
      if (holder == "functools._lru_cache_wrapper") return ".<cache>";
      return fmt::format(" -> {}", graph.TypeName(to));
    }
    case EdgeKind::kType:
      return ".__class__";
    case EdgeKind::kNative:
      // What PyTorch has behind its Python object is the same thing to a reader.
      if (graph.IsObject(from) && graph.IsBuffer(to) &&
          graph.NativeClass(to) == "c10::TensorImpl") {
        return "";
      }
      return fmt::format(" ~> {}", graph.TypeName(to));
  }
  return " -> ?";
}

// Where the edge of `from` with this name leads; kNothing: there is none.
Node TargetOf(const ObjectGraph& graph, Node from, std::string_view name) {
  const auto targets = graph.Targets(from);
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    if (graph.LabelOf(from, i).text == name) return targets[i];
  }
  return ObjectGraph::kNothing;
}

// What the program calls the variable in a cell of a function's closure; "" not known. Code has the
// names of free variables: all of co_freevars, or, from 3.11 on, the last of co_localsplusnames.
std::string FreeName(const ObjectGraph& graph, Node function, Node closure, std::int64_t index) {
  const Node code = TargetOf(graph, function, "__code__");
  if (!graph.IsObject(code)) return "";
  Node names = TargetOf(graph, code, "co_freevars");
  if (!graph.IsObject(names)) names = TargetOf(graph, code, "co_localsplusnames");
  if (!graph.IsObject(names)) return "";
  const auto all = graph.Targets(names);
  const std::size_t cells = graph.Targets(closure).size();
  const std::size_t at = all.size() - cells + static_cast<std::size_t>(index);
  if (index < 0 || all.size() < cells || at >= all.size() || !graph.IsObject(all[at])) return "";
  std::string_view text;
  std::int64_t number = 0;
  bool is_number = false;
  if (!graph.KeyOf(all[at], &text, &number, &is_number) || is_number) return "";
  return std::string(text);
}

// A step, or a few, that repeat are said once and counted: a chain may have a million.
void FoldRepeats(std::vector<std::string>* steps) {
  constexpr std::size_t kMaxPeriod = 4;
  constexpr std::size_t kFewestRepeats = 4;
  std::vector<std::string> folded;
  for (std::size_t i = 0; i < steps->size();) {
    std::size_t period = 1;
    std::size_t repeats = 1;
    for (; period <= kMaxPeriod; ++period) {
      repeats = 1;
      while (i + (repeats + 1) * period <= steps->size() &&
             std::equal(steps->begin() + static_cast<std::ptrdiff_t>(i),
                        steps->begin() + static_cast<std::ptrdiff_t>(i + period),
                        steps->begin() + static_cast<std::ptrdiff_t>(i + repeats * period))) {
        ++repeats;
      }
      if (repeats >= kFewestRepeats) break;
    }
    if (repeats < kFewestRepeats) {
      folded.push_back(std::move((*steps)[i++]));
      continue;
    }
    for (std::size_t j = 0; j < period; ++j) folded.push_back(std::move((*steps)[i + j]));
    folded.push_back(fmt::format(" (x {})", FormatCount(repeats)));
    i += repeats * period;
  }
  *steps = std::move(folded);
}

}  // namespace

HeapPaths::HeapPaths(const ObjectGraph& graph) : graph_(graph) {
  // From native memory back to objects: only where nothing of Python leads there.
  constexpr std::uint8_t kBackFromNative = 100;
  costs_.resize(graph.targets().size());
  for (Node node = 0; node < graph.size(); ++node) {
    const std::uint64_t begin = graph.begin()[node];
    const std::uint64_t end = graph.begin()[node + 1];
    for (std::uint64_t edge = begin; edge < end; ++edge) {
      const Node target = graph.targets()[edge];
      if (node == ObjectGraph::kTop) {
        costs_[edge] = RootCost(graph.root(target));
      } else if (graph.IsBuffer(node) && graph.IsObject(target)) {
        costs_[edge] = kBackFromNative;
      } else {
        const auto label = graph.LabelOf(node, static_cast<std::uint32_t>(edge - begin));
        // The root's own object, a module, goes without saying.
        const bool is_root_object = graph.IsRoot(node) && label.kind == EdgeKind::kNone;
        costs_[edge] = is_root_object ? 0 : LabelCost(label);
      }
    }
  }
  paths_ = FindShortestPaths(CsrOf(graph), costs_);
}

HeapPath HeapPaths::To(Node node) const {
  HeapPath path;
  const std::vector<std::uint32_t> nodes = paths_.PathTo(node);
  if (nodes.size() < 2) return path;  // nodes: the top, a root, objects
  path.root = nodes[1];
  const ObjectGraph::Root& root = graph_.root(path.root);
  if (root.is_unexplained) {
    path.steps.push_back("unexplained references");
    path.text = "?";
    if (const auto* held = graph_.FindHeld(nodes[2]); held != nullptr) path.held_by = held->holder;
  } else if (root.kind == DumpRoot::kModule) {
    path.steps.push_back("module " + root.name);
    path.text = root.name;
  } else if (wire::IsFrameRoot(root.kind)) {
    path.steps.push_back("frame " + root.name + "()");
    path.text = root.name + "()";
  } else if (root.kind == DumpRoot::kStack) {
    path.steps.push_back("evaluation stack of " + root.name);
    path.text = root.name + "() stack";
  } else {
    path.steps.push_back(root.name);
    path.text = root.name;
  }
  bool in_attributes = false;
  const auto label_of = [&](Node from, Node to) {
    const std::uint64_t edge = CheapestEdge(CsrOf(graph_), costs_, from, to);
    return graph_.LabelOf(from, static_cast<std::uint32_t>(edge - graph_.begin()[from]));
  };
  for (std::size_t i = 1; i + 1 < nodes.size(); ++i) {
    const Node from = nodes[i];
    const Node to = nodes[i + 1];
    const ObjectGraph::Label label = label_of(from, to);
    // A variable of a closure is called by its name, whatever lies between.
    if (label.text == "__closure__" && i + 2 < nodes.size() && graph_.IsObject(nodes[i + 2]) &&
        graph_.TypeName(nodes[i + 2]) == "cell") {
      const std::string name = FreeName(graph_, from, to, label_of(to, nodes[i + 2]).number);
      if (!name.empty()) {
        path.steps.push_back("." + name);
        i += i + 3 < nodes.size() ? 2 : 1;
        in_attributes = false;
        continue;
      }
    }
    // A module's root leads to the module itself, an old frame's to the frame object.
    const bool is_root_object = i == 1 && label.kind == EdgeKind::kNone && !root.is_unexplained &&
                                (root.kind == DumpRoot::kModule || wire::IsFrameRoot(root.kind) ||
                                 root.kind == DumpRoot::kContext);
    const std::string_view to_type = graph_.TypeName(to);
    const std::string_view from_type = graph_.IsObject(from) ? graph_.TypeName(from) : "";
    std::string step;
    if (is_root_object || IsHidden(to_type)) {
      step = "";
    } else if (IsFrameLike(to_type)) {
      // A generator and its frame are one to the reader; one that waits for another is not, and
      // that other's locals are none of its own.
      const bool is_own_frame =
          IsFrameLike(from_type) && from_type != "frame" && to_type == "frame";
      if (label.kind != EdgeKind::kNone) step = StepText(graph_, from, label, to, in_attributes);
      if (!is_own_frame || label.kind != EdgeKind::kNone) {
        step += " -> " + FunctionOf(graph_, to);
      }
    } else if (i == 1 && (root.is_unexplained || root.kind == DumpRoot::kNativeGlobal)) {
      step = fmt::format(" -> {}", to_type);
    } else {
      step = StepText(graph_, from, label, to, in_attributes);
    }
    if (label.kind == EdgeKind::kNative || graph_.IsBuffer(from)) path.is_invisible_to_gc = true;
    in_attributes = label.kind == EdgeKind::kAttributes;
    if (!step.empty()) path.steps.push_back(std::move(step));
  }
  FoldRepeats(&path.steps);
  for (std::size_t i = 1; i < path.steps.size(); ++i) path.text += path.steps[i];
  return path;
}

}  // namespace memwhy::analysis
