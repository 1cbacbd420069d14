// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/tensor_rows.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

bool SaysMore(const model::TorchTensor& a, const model::TorchTensor* b) {
  if (b == nullptr) return true;
  if (a.is_view != b->is_view) return b->is_view;
  return a.elements.value_or(0) > b->elements.value_or(0);
}

// The last steps lead from a tensor to its own memory.
void EndAtTheTensor(HeapPath* path) {
  while (path->steps.size() > 1) {
    const std::string& last = path->steps.back();
    if (!last.starts_with(" ~> ") && last != ".untyped_storage()") return;
    if (path->text.ends_with(last)) path->text.resize(path->text.size() - last.size());
    path->steps.pop_back();
  }
}

}  // namespace

std::string NodeName(const ObjectGraph& graph, Node node) {
  const std::string_view name = graph.NativeClass(node);
  const std::size_t at = name.rfind("::");
  return std::string(at == std::string_view::npos ? name : name.substr(at + 2));
}

TensorTable MakeTensorTable(const ObjectGraph& graph, const model::TorchFacts& facts,
                            const HeapPaths& paths) {
  struct Of {
    const model::TorchTensor* tensor = nullptr;
    std::uint64_t count = 0;
  };
  std::unordered_map<Node, Of> tensors;
  TensorTable table;
  for (const model::TorchTensor& tensor : facts.tensors) {
    ++table.totals.tensors;
    if (tensor.storage == ObjectGraph::kNone) continue;
    Of& of = tensors[tensor.storage];
    ++of.count;
    if (SaysMore(tensor, of.tensor)) of.tensor = &tensor;
  }
  for (const model::TorchStorage& storage : facts.storages) {
    TensorRow row;
    row.storage = &storage;
    if (const auto found = tensors.find(storage.node); found != tensors.end()) {
      row.tensor = found->second.tensor;
      row.tensors = found->second.count;
      if (row.tensor->grad_fn != ObjectGraph::kNone) {
        row.grad_fn = NodeName(graph, row.tensor->grad_fn);
      }
    }
    // Its memory is what Python objects lead to directly; without memory it is itself.
    if (storage.memory != ObjectGraph::kNone) row.owner = paths.To(storage.memory);
    if (row.owner.root == ObjectGraph::kNone) row.owner = paths.To(storage.node);
    EndAtTheTensor(&row.owner);
    row.is_dark = !storage.is_reached && row.owner.root == ObjectGraph::kNone;
    ++table.totals.storages;
    table.totals.bytes[storage.device] += storage.bytes;
    if (row.is_dark) {
      ++table.totals.dark_storages;
      table.totals.dark_bytes += storage.bytes;
    }
    table.rows.push_back(std::move(row));
  }
  std::sort(table.rows.begin(), table.rows.end(), [](const TensorRow& a, const TensorRow& b) {
    if (a.storage->bytes != b.storage->bytes) return a.storage->bytes > b.storage->bytes;
    return a.storage->address < b.storage->address;
  });
  return table;
}

std::string OwnerGroup(const TensorRow& row) {
  if (row.is_dark) return "(dark)";
  if (row.owner.root == ObjectGraph::kNone) return "(garbage)";
  std::string name;
  for (std::size_t i = 0; i < row.owner.steps.size() && i < 2; ++i) {
    std::string_view step = row.owner.steps[i];
    if (i == 0 && step.starts_with("module ")) step.remove_prefix(7);
    name += step;
  }
  return name;
}

std::vector<TensorGroup> GroupTensors(const TensorTable& table,
                                      const std::vector<std::string>& names) {
  std::map<std::string, TensorGroup> groups;
  for (std::size_t i = 0; i < table.rows.size() && i < names.size(); ++i) {
    TensorGroup& group = groups[names[i]];
    group.name = names[i];
    ++group.storages;
    group.bytes += table.rows[i].storage->bytes;
  }
  std::vector<TensorGroup> sorted;
  for (auto& [name, group] : groups) sorted.push_back(std::move(group));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return sorted;
}

}  // namespace memwhy::analysis
