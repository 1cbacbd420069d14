// SPDX-License-Identifier: Apache-2.0
//
// Several dumps of one process, one after the other: which types grow from each to the next? Only
// counts are compared, so nothing has to be the same object.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct TypeTrend {
  std::string type;
  std::vector<std::uint64_t> objects;  // by dump
  std::vector<std::uint64_t> bytes;    // shallow
  bool grows = false;                  // more objects in each dump than in the one before
};

class HeapTrend {
 public:
  // In the order of time.
  void Add(const model::ObjectGraph& graph);
  // Types that grow in every step first, then by bytes gained; those that never changed are left
  // out.
  std::vector<TypeTrend> Types() const;

 private:
  std::size_t dumps_ = 0;
  std::vector<TypeTrend> types_;
};

}  // namespace memwhy::analysis
