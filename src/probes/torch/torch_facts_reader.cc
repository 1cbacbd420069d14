// SPDX-License-Identifier: Apache-2.0
#include "probes/torch/torch_facts_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/heap/dump_decoder.h"
#include "probes/torch/tensor_layout.h"

namespace memwhy::probes {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

// The words of all tensors, in one array: a dump may have millions of them.
struct TorchRecords : model::DumpVisitor {
  struct Tensor {
    Node node = ObjectGraph::kNone;
    std::size_t first = 0;  // in `words`
    std::uint32_t tensor_words = 0;
    std::uint32_t autograd_words = 0;
    std::uint32_t sizes = 0;
    std::optional<std::uint32_t> version;
    bool is_view = false;
  };
  struct Storage {
    Node node = ObjectGraph::kNone;
    std::uint8_t device_type = 0;
    model::TorchStorage facts;
  };

  explicit TorchRecords(const ObjectGraph& of) : graph(of) {}

  void OnTorch(const model::DumpTorch& torch) {
    const Node node = graph.Find(torch.address);
    if (node == ObjectGraph::kNone) return;
    switch (torch.kind) {
      case wire::TorchKind::kTensor:
        AddTensor(node, torch);
        return;
      case wire::TorchKind::kStorage:
        AddStorage(node, torch);
        return;
      case wire::TorchKind::kNode:
        nodes.push_back(node);
        return;
      case wire::TorchKind::kHook:
        hooks.push_back(node);
        return;
    }
  }
  void AddTensor(Node node, const model::DumpTorch& torch) {
    Tensor tensor;
    tensor.node = node;
    tensor.first = words.size();
    tensor.tensor_words = static_cast<std::uint32_t>(torch.words.size());
    tensor.autograd_words = static_cast<std::uint32_t>(torch.autograd.size());
    tensor.sizes = static_cast<std::uint32_t>(torch.sizes.size());
    tensor.version = torch.version;
    tensor.is_view = torch.is_view;
    for (const auto* part : {&torch.words, &torch.autograd, &torch.sizes}) {
      words.insert(words.end(), part->begin(), part->end());
    }
    tensors.push_back(tensor);
  }
  void AddStorage(Node node, const model::DumpTorch& torch) {
    Storage storage;
    storage.node = node;
    storage.device_type = torch.device.type;
    storage.facts.node = node;
    storage.facts.address = torch.address;
    storage.facts.data = torch.data;
    storage.facts.bytes = torch.data_bytes;
    storage.facts.device = model::DeviceName(torch.device);
    storage.facts.is_owned = torch.is_owned;
    storage.facts.is_reached = torch.is_reached;
    if (torch.data != 0) storage.facts.memory = graph.Find(torch.data & ~std::uint64_t{7});
    storages.push_back(std::move(storage));
  }

  const ObjectGraph& graph;
  std::vector<std::uint64_t> words;
  std::vector<Tensor> tensors;
  std::vector<Storage> storages;
  std::vector<Node> nodes;
  std::vector<Node> hooks;
};

template <typename Fact>
void SortByNode(std::vector<Fact>* facts) {
  std::sort(facts->begin(), facts->end(),
            [](const Fact& a, const Fact& b) { return a.node < b.node; });
}

TensorRecord RecordOf(const TorchRecords& records, const TorchRecords::Tensor& tensor,
                      std::optional<std::uint8_t> device) {
  const std::span<const std::uint64_t> all(records.words);
  TensorRecord record;
  record.words = all.subspan(tensor.first, tensor.tensor_words);
  record.autograd = all.subspan(tensor.first + tensor.tensor_words, tensor.autograd_words);
  record.sizes =
      all.subspan(tensor.first + tensor.tensor_words + tensor.autograd_words, tensor.sizes);
  record.device = device;
  record.is_view = tensor.is_view;
  return record;
}

// Its references by name, as the agent found them.
void ReadReferences(const ObjectGraph& graph, model::TorchTensor* tensor) {
  const auto targets = graph.Targets(tensor->node);
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const ObjectGraph::Label label = graph.LabelOf(tensor->node, i);
    if (label.text == "untyped_storage()") tensor->storage = targets[i];
    if (label.text == "grad_fn") tensor->grad_fn = targets[i];
  }
}

void FillTensors(const TorchRecords& records, model::TorchFacts* facts) {
  std::vector<TensorRecord> layouts;
  for (const TorchRecords::Tensor& one : records.tensors) {
    model::TorchTensor tensor;
    tensor.node = one.node;
    tensor.version = one.version;
    tensor.is_view = one.is_view;
    ReadReferences(records.graph, &tensor);
    std::optional<std::uint8_t> device;
    const auto storage = std::lower_bound(
        records.storages.begin(), records.storages.end(), tensor.storage,
        [](const TorchRecords::Storage& known, Node node) { return known.node < node; });
    if (storage != records.storages.end() && storage->node == tensor.storage) {
      device = storage->device_type;
    }
    layouts.push_back(RecordOf(records, one, device));
    facts->tensors.push_back(std::move(tensor));
  }
  if (layouts.empty()) return;
  const auto layout = LearnTensorLayout(layouts);
  if (!layout) {
    facts->unknown_layout =
        "this build of torch keeps the sizes of a tensor where memwhy does not find them";
    return;
  }
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    model::TorchTensor& tensor = facts->tensors[i];
    if (auto read = ReadTensorFacts(*layout, layouts[i])) {
      tensor.shape = std::move(read->shape);
      tensor.dtype = std::move(read->dtype);
      tensor.elements = read->elements;
    }
    tensor.is_leaf = tensor.grad_fn == ObjectGraph::kNone;
    tensor.requires_grad =
        *tensor.is_leaf ? ReadRequiresGrad(*layout, layouts[i]) : std::optional<bool>(true);
  }
}

}  // namespace

Result<model::TorchFacts> ReadTorchFacts(model::DumpSource& source,
                                         const model::ObjectGraph& graph) {
  TorchRecords records(graph);
  model::DumpDecoder<TorchRecords> decoder(source, records);
  MEMWHY_TRY_VOID(decoder.Run());
  SortByNode(&records.tensors);
  SortByNode(&records.storages);
  std::sort(records.nodes.begin(), records.nodes.end());
  std::sort(records.hooks.begin(), records.hooks.end());
  model::TorchFacts facts;
  facts.has_tensors = !records.tensors.empty() || !records.storages.empty();
  FillTensors(records, &facts);
  for (TorchRecords::Storage& storage : records.storages) {
    facts.storages.push_back(std::move(storage.facts));
  }
  facts.nodes = std::move(records.nodes);
  facts.hooks = std::move(records.hooks);
  return facts;
}

}  // namespace memwhy::probes
