// SPDX-License-Identifier: Apache-2.0
//
// What each object of a dump retains: what would be freed with it. Sizes are columns: bytes of
// Python objects, of native buffers, of device memory. Invariant: memory of devices is no memory
// of the process; what is shown never adds the two.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/graph/dominators.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct RetainedBytes {
  std::uint64_t python = 0;
  std::uint64_t native = 0;
  std::uint64_t device = 0;
  std::uint64_t host() const { return python + native; }
  // To compare by: who retains more, wherever.
  std::uint64_t weight() const { return python + native + device; }
};

class HeapSizes {
 public:
  explicit HeapSizes(const model::ObjectGraph& graph);

  // Of an object that no root reaches its own size only: garbage has no dominator.
  RetainedBytes Retained(model::ObjectGraph::Node node) const;
  std::uint32_t Objects(model::ObjectGraph::Node node) const { return objects_[node]; }
  bool IsReachable(model::ObjectGraph::Node node) const {
    return dominators_.idom[node] != kNoNode;
  }
  const Dominators& dominators() const { return dominators_; }

 private:
  Dominators dominators_;
  std::vector<std::uint64_t> python_;  // by node
  std::vector<std::uint64_t> native_;  // empty: none anywhere
  std::vector<std::uint64_t> device_;  // likewise
  std::vector<std::uint32_t> objects_;
};

struct TypeRow {
  std::uint32_t type = 0;  // id in the graph; types of the same name are one row
  std::uint64_t objects = 0;
  std::uint64_t shallow = 0;
  // By those objects that no other of the type retains: memory of the process, and of devices.
  std::uint64_t retained = 0;
  std::uint64_t device = 0;
  std::uint64_t tracked = 0;  // known to the collector
};

struct TypeFilter {
  int list = -1;  // only objects in this list of the collector; -1: all
};
// Largest retained first, devices' memory counted as much; each object of the dump is in one row.
std::vector<TypeRow> CountTypes(const model::ObjectGraph& graph, const HeapSizes& sizes,
                                const TypeFilter& filter = {});

// Objects that retain more than themselves, largest first, at most `most`.
std::vector<model::ObjectGraph::Node> LargestRetainers(const model::ObjectGraph& graph,
                                                       const HeapSizes& sizes, std::size_t most);

}  // namespace memwhy::analysis
