// SPDX-License-Identifier: Apache-2.0
//
// Two dumps of one process: which types grew, and by which objects. Objects that the dumps know by
// nothing but their address are the same when address, type and size agree; CPython uses addresses
// again, so that is approximate, and said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/heap/heap_sizes.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct TypeChange {
  std::string type;
  std::uint64_t before = 0;  // objects
  std::uint64_t after = 0;
  std::uint64_t added = 0;  // not in the first dump
  std::uint64_t gone = 0;
  std::int64_t shallow_delta = 0;
  std::int64_t retained_delta = 0;  // memory of the process
  std::int64_t device_delta = 0;    // and of devices, likewise retained
};

// Most grown first by retained bytes; types without any change are left out.
std::vector<TypeChange> DiffTypes(const model::ObjectGraph& a, const HeapSizes& a_sizes,
                                  const model::ObjectGraph& b, const HeapSizes& b_sizes);

}  // namespace memwhy::analysis
