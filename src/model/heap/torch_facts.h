// SPDX-License-Identifier: Apache-2.0
//
// What a heap dump says of PyTorch: tensors, storages and nodes of autograd, as nodes of its object
// graph. Filled by probes/torch. What is not proven is nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::model {

struct TorchTensor {
  ObjectGraph::Node node = ObjectGraph::kNone;
  ObjectGraph::Node storage = ObjectGraph::kNone;  // index by FindStorage; kNone: it has none
  ObjectGraph::Node grad_fn = ObjectGraph::kNone;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::string> dtype;  // "float32"
  std::optional<std::uint64_t> elements;
  std::optional<bool> requires_grad;
  std::optional<bool> is_leaf;
  std::optional<std::uint32_t> version;
  bool is_view = false;
};

struct TorchStorage {
  ObjectGraph::Node node = ObjectGraph::kNone;    // the StorageImpl
  ObjectGraph::Node memory = ObjectGraph::kNone;  // its bytes; kNone: they have no node
  std::uint64_t address = 0;
  std::uint64_t data = 0;  // 0: it has no memory
  std::uint64_t bytes = 0;
  std::string device;       // "cpu", "cuda:0"
  bool is_owned = true;     // false: another lent the memory, as numpy does
  bool is_reached = false;  // a Python object leads to it
};

struct TorchFacts {
  bool has_tensors = false;
  // "": where tensors keep their sizes is known, or there is no tensor.
  std::string unknown_layout;
  std::vector<TorchTensor> tensors;      // by node
  std::vector<TorchStorage> storages;    // by node
  std::vector<ObjectGraph::Node> nodes;  // of autograd, by node
  std::vector<ObjectGraph::Node> hooks;  // of tensors, nodes and saved tensors, by node

  const TorchTensor* FindTensor(ObjectGraph::Node node) const;
  const TorchStorage* FindStorage(ObjectGraph::Node node) const;
  bool IsAutogradNode(ObjectGraph::Node node) const;
  bool IsHook(ObjectGraph::Node node) const;
};

}  // namespace memwhy::model
