// SPDX-License-Identifier: Apache-2.0
//
// The path by which a root holds an object, in words that a reader of the program knows:
// app.CACHE['user'].history[3]. Of all paths the one whose steps explain most: names before
// members of the interpreter, modules before running frames before what only C code knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/graph/shortest_paths.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct HeapPath {
  model::ObjectGraph::Node root = model::ObjectGraph::kNone;  // kNone: no root reaches it
  // "module app", ".CACHE", "['user']"; steps that repeat once, and " (x 6,300)" after them.
  std::vector<std::string> steps;
  std::string text;  // "app.CACHE['user']"
  // Of an unexplained root: whose memory refers to the first object; "" not known.
  std::string held_by;
  // Goes through a pointer that the garbage collector does not know.
  bool is_invisible_to_gc = false;
};

class HeapPaths {
 public:
  explicit HeapPaths(const model::ObjectGraph& graph);
  HeapPath To(model::ObjectGraph::Node node) const;
  // The node before it on its path; kNone: no root reaches it.
  model::ObjectGraph::Node ParentOf(model::ObjectGraph::Node node) const {
    return paths_.parent[node];
  }
  // How little an edge explains, by its number.
  std::uint8_t CostOf(std::uint64_t edge) const { return costs_[edge]; }

 private:
  const model::ObjectGraph& graph_;
  std::vector<std::uint8_t> costs_;  // by edge
  ShortestPaths paths_;
};

}  // namespace memwhy::analysis
