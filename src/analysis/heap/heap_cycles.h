// SPDX-License-Identifier: Apache-2.0
//
// Garbage that waits for the collector: objects that hold each other while no root holds any of
// them, by cycle, with the reason why they are still there. A cycle below one that the collector
// will never free is not freed either: it has that one's reason.
#pragma once

#include <cstdint>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::analysis {

enum class CycleWhy : std::uint8_t {
  kThreshold,      // the collector will come: its threshold is not reached
  kDisabled,       // automatic collection is off
  kFrozen,         // in the permanent generation: gc.freeze
  kUncollectable,  // a finalizer of the old kind
  kNative,         // closed by a pointer that the collector does not know
};
const char* CycleWhyName(CycleWhy why);  // docs/formats/heap-documents.md

struct GarbageCycle {
  std::vector<model::ObjectGraph::Node> members;
  std::uint64_t bytes = 0;     // of the members
  std::uint64_t retained = 0;  // and of what hangs on no other garbage cycle
  std::uint64_t device = 0;    // likewise, memory of devices
  CycleWhy why = CycleWhy::kThreshold;
};

struct Garbage {
  static constexpr std::uint32_t kNoCycle = 0xffffffff;

  std::vector<GarbageCycle> cycles;  // most retained first
  std::uint64_t objects = 0;         // unreachable ones, in cycles or behind them
  std::uint64_t bytes = 0;
  // By node: the first cycle of those that it hangs on, an index of `cycles`; kNoCycle: none.
  // Empty when there is no garbage.
  std::vector<std::uint32_t> head;
};

Garbage FindGarbage(const model::ObjectGraph& graph);

}  // namespace memwhy::analysis
