// SPDX-License-Identifier: Apache-2.0
//
// The graphs of autograd in a dump. A graph begins with a node that no other node leads to: what
// keeps that one keeps all nodes behind it, and the tensors that they saved for backward. Pure; the
// order is by saved bytes, then by address.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "model/heap/torch_facts.h"

namespace memwhy::analysis {

struct AutogradGraph {
  model::ObjectGraph::Node root = model::ObjectGraph::kNone;
  std::string root_type;  // "AddBackward0"; of a Function of Python's its class
  HeapPath holder;
  // As next_functions lead; what a node of C++ wraps (CopySlices) is not counted.
  std::uint64_t nodes = 0;
  std::uint64_t depth = 0;          // nodes on the longest way from the root
  std::uint64_t saved_tensors = 0;  // places in nodes, packed ones left out
  std::uint64_t saved_bytes = 0;    // of their storages, each once
  std::uint64_t packed = 0;         // saved by hooks as something else
  std::map<std::string, std::uint64_t> node_types;
};

struct AutogradTotals {
  std::uint64_t graphs = 0;
  std::uint64_t nodes = 0;        // each once, whatever the number of graphs it is in
  std::uint64_t saved_bytes = 0;  // likewise
};

struct AutogradForest {
  std::vector<AutogradGraph> graphs;
  AutogradTotals totals;
};

AutogradForest FindAutogradGraphs(const model::ObjectGraph& graph, const model::TorchFacts& facts,
                                  const HeapPaths& paths);

}  // namespace memwhy::analysis
