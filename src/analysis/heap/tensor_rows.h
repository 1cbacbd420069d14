// SPDX-License-Identifier: Apache-2.0
//
// One row for each storage of a dump, whatever the number of tensors that look at it, and groups of
// rows. Pure; the order is by bytes, then by address.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "model/heap/torch_facts.h"

namespace memwhy::analysis {

struct TensorRow {
  const model::TorchStorage* storage = nullptr;
  // Of its tensors the one that says most: no view, of the most elements. Null: it has none.
  const model::TorchTensor* tensor = nullptr;
  std::uint64_t tensors = 0;
  std::string grad_fn;  // "AddBackward0"; "": it has none
  // No object of Python leads to it.
  bool is_dark = false;
  HeapPath owner;
};

struct TensorTotals {
  std::uint64_t storages = 0;
  std::uint64_t tensors = 0;
  std::map<std::string, std::uint64_t> bytes;  // by device
  std::uint64_t dark_storages = 0;
  std::uint64_t dark_bytes = 0;
};

struct TensorTable {
  std::vector<TensorRow> rows;
  TensorTotals totals;
};

// `facts` and `graph` outlive the table.
TensorTable MakeTensorTable(const model::ObjectGraph& graph, const model::TorchFacts& facts,
                            const HeapPaths& paths);

// "app.CACHE", the first name below the root; "(no path)" and "(dark)" without.
std::string OwnerGroup(const TensorRow& row);

// "AddBackward0" of a node of autograd.
std::string NodeName(const model::ObjectGraph& graph, model::ObjectGraph::Node node);

struct TensorGroup {
  std::string name;
  std::uint64_t storages = 0;
  std::uint64_t bytes = 0;
};
// `names`: of each row the group that it belongs to.
std::vector<TensorGroup> GroupTensors(const TensorTable& table,
                                      const std::vector<std::string>& names);

}  // namespace memwhy::analysis
