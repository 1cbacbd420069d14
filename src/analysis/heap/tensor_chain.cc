// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/tensor_chain.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "analysis/heap/tensor_rows.h"
#include "base/bytes.h"
#include "base/strings.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

struct ChainNodes {
  Node python = ObjectGraph::kNone;
  const model::TorchTensor* tensor = nullptr;
  const model::TorchStorage* storage = nullptr;
};

Node NodeAt(const ObjectGraph& graph, std::uint64_t address) {
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (graph.address(node) == address) return node;
  }
  return ObjectGraph::kNone;
}

// The tensor or storage that a Python object stands for: a reference that has no name.
void FollowPython(const ObjectGraph& graph, const model::TorchFacts& facts, ChainNodes* found) {
  for (const Node target : graph.Targets(found->python)) {
    if (found->tensor == nullptr) found->tensor = facts.FindTensor(target);
    if (found->storage == nullptr) found->storage = facts.FindStorage(target);
  }
}

// Of the tensors that look at a storage the one that says most: no view, in a Python object.
void ChooseTensor(const model::TorchFacts& facts, ChainNodes* found) {
  for (const model::TorchTensor& tensor : facts.tensors) {
    if (tensor.storage != found->storage->node) continue;
    if (found->tensor == nullptr || (found->tensor->is_view && !tensor.is_view)) {
      found->tensor = &tensor;
    }
  }
}

// The wrapper refers to the tensor without a label, as nothing else does that is Python's.
Node WrapperOf(const ObjectGraph& graph, Node tensor) {
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (!graph.IsObject(node)) continue;
    const auto targets = graph.Targets(node);
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      if (targets[i] != tensor) continue;
      const std::string_view label = graph.LabelOf(node, i).text;
      if (label.empty()) return node;
    }
  }
  return ObjectGraph::kNone;
}

std::optional<ChainNodes> FindNodes(const ObjectGraph& graph, const model::TorchFacts& facts,
                                    std::uint64_t address) {
  ChainNodes found;
  for (const model::TorchStorage& storage : facts.storages) {
    const bool is_data = storage.data != 0 && (storage.data & ~std::uint64_t{7}) == address;
    if (storage.address == address || is_data) found.storage = &storage;
  }
  const Node node = NodeAt(graph, address);
  if (found.storage == nullptr && node != ObjectGraph::kNone) {
    found.tensor = facts.FindTensor(node);
    found.storage = facts.FindStorage(node);
    if (found.tensor == nullptr && found.storage == nullptr && graph.IsObject(node)) {
      found.python = node;
      FollowPython(graph, facts, &found);
    }
  }
  if (found.tensor == nullptr && found.storage == nullptr) return std::nullopt;
  if (found.tensor != nullptr && found.storage == nullptr) {
    found.storage = facts.FindStorage(found.tensor->storage);
  }
  if (found.tensor == nullptr) ChooseTensor(facts, &found);
  if (found.python == ObjectGraph::kNone && found.tensor != nullptr) {
    found.python = WrapperOf(graph, found.tensor->node);
  }
  return found;
}

class ChainBuilder {
 public:
  ChainBuilder(const ObjectGraph& graph, const model::TorchFacts& facts, const HeapPaths& paths,
               const ChainNodes& found)
      : graph_(graph), facts_(facts), paths_(paths), found_(found) {}

  TensorChain Build() {
    if (found_.python != ObjectGraph::kNone) {
      Begin(ChainLinkKind::kPython, found_.python, std::string(graph_.TypeName(found_.python)));
      chain_.links.back().references = graph_.references(found_.python);
    }
    if (found_.tensor != nullptr) {
      Begin(ChainLinkKind::kTensor, found_.tensor->node, TensorText(*found_.tensor));
    }
    if (found_.storage != nullptr) {
      const model::TorchStorage& storage = *found_.storage;
      chain_.device = storage.device;
      chain_.data = storage.data & ~std::uint64_t{7};
      chain_.bytes = storage.bytes;
      chain_.is_owned = storage.is_owned;
      Begin(ChainLinkKind::kStorage, storage.node,
            fmt::format("{} on {}", FormatBytes(storage.bytes), storage.device));
      if (storage.data != 0) {
        Begin(ChainLinkKind::kMemory, storage.memory, FormatBytes(storage.bytes));
        chain_.links.back().address = chain_.data;
      }
    }
    FindReferrers();
    for (ChainLink& link : chain_.links) Finish(&link);
    return std::move(chain_);
  }

 private:
  void Begin(ChainLinkKind kind, Node node, std::string what) {
    ChainLink link;
    link.kind = kind;
    link.node = node;
    link.address = node == ObjectGraph::kNone ? 0 : graph_.address(node);
    link.what = std::move(what);
    chain_.links.push_back(std::move(link));
  }

  static std::string TensorText(const model::TorchTensor& tensor) {
    std::string text = tensor.dtype.value_or("type unknown");
    if (tensor.shape) {
      std::string sizes;
      for (const std::int64_t size : *tensor.shape) {
        sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
      }
      text += " [" + sizes + "]";
    }
    if (tensor.version) text += fmt::format(", version {}", *tensor.version);
    if (tensor.is_leaf) text += *tensor.is_leaf ? ", leaf" : ", result of an operation";
    if (tensor.is_view) text += ", view";
    return text;
  }

  ChainLink* LinkOf(Node node) {
    for (ChainLink& link : chain_.links) {
      if (link.node == node) return &link;
    }
    return nullptr;
  }

  void FindReferrers() {
    std::vector<bool> is_link(graph_.size());
    for (const ChainLink& link : chain_.links) {
      if (link.node != ObjectGraph::kNone) is_link[link.node] = true;
    }
    for (Node node = ObjectGraph::kFirst; node < graph_.size(); ++node) {
      const auto targets = graph_.Targets(node);
      for (std::uint32_t i = 0; i < targets.size(); ++i) {
        if (!is_link[targets[i]] || targets[i] == node) continue;
        ChainLink* link = LinkOf(targets[i]);
        ++link->referrer_count;
        link->referrers.push_back(Referrer(node, i));
        KeepBest(link);
      }
    }
  }

  ChainReferrer Referrer(Node node, std::uint32_t edge) const {
    ChainReferrer referrer;
    const ObjectGraph::Label label = graph_.LabelOf(node, edge);
    referrer.label = std::string(label.text);
    if (label.kind == wire::EdgeKind::kIndex) referrer.label = fmt::format("[{}]", label.number);
    if (graph_.IsRoot(node)) {
      referrer.name = fmt::format("{} {}", DumpRootName(graph_.root(node)), graph_.root(node).name);
      return referrer;
    }
    referrer.address = graph_.address(node);
    referrer.is_native = facts_.FindTensor(node) != nullptr ||
                         facts_.FindStorage(node) != nullptr || facts_.IsAutogradNode(node) ||
                         facts_.IsHook(node) || graph_.IsBuffer(node);
    if (facts_.FindTensor(node) != nullptr) {
      referrer.name = "tensor (C++)";
    } else if (facts_.FindStorage(node) != nullptr) {
      referrer.name = "storage (C++)";
    } else if (facts_.IsAutogradNode(node)) {
      referrer.name = NodeName(graph_, node);
    } else {
      const std::string path = paths_.To(node).text;
      referrer.name = path.empty() ? std::string(graph_.TypeName(node)) : path;
    }
    return referrer;
  }

  // Nodes come by address; more than are shown are only counted.
  static void KeepBest(ChainLink* link) {
    if (link->referrers.size() > TensorChain::kMaxReferrers) link->referrers.pop_back();
  }

  bool HasLink(ChainLinkKind kind) const {
    return std::any_of(chain_.links.begin(), chain_.links.end(),
                       [kind](const ChainLink& link) { return link.kind == kind; });
  }

  void Finish(ChainLink* link) const {
    const auto native = static_cast<std::uint64_t>(
        std::count_if(link->referrers.begin(), link->referrers.end(),
                      [](const ChainReferrer& referrer) { return referrer.is_native; }));
    switch (link->kind) {
      case ChainLinkKind::kPython:
        link->waits_for = native > 0
                              ? "its references from Python, and the C++ tensor, which keeps it as "
                                "long as others in C++ use that"
                              : "its references from Python";
        return;
      case ChainLinkKind::kTensor:
        link->waits_for = HasLink(ChainLinkKind::kPython)
                              ? link->referrer_count > 1
                                    ? "its Python object and all others that are listed"
                                    : "its Python object"
                              : "those that are listed: no Python object stands for it";
        return;
      case ChainLinkKind::kStorage:
        link->waits_for = link->referrer_count > 1 ? "all tensors and objects that look at it"
                                                   : "the one that looks at it";
        return;
      case ChainLinkKind::kMemory:
        link->waits_for =
            chain_.is_owned ? "its storage" : "who lent it to PyTorch (numpy, from_blob)";
        return;
    }
  }

  const ObjectGraph& graph_;
  const model::TorchFacts& facts_;
  const HeapPaths& paths_;
  const ChainNodes& found_;
  TensorChain chain_;
};

}  // namespace

std::optional<TensorChain> FindTensorChain(const ObjectGraph& graph, const model::TorchFacts& facts,
                                           const HeapPaths& paths, std::uint64_t address) {
  const auto found = FindNodes(graph, facts, address);
  if (!found) return std::nullopt;
  return ChainBuilder(graph, facts, paths, *found).Build();
}

}  // namespace memwhy::analysis
