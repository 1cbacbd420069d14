// SPDX-License-Identifier: Apache-2.0
//
// What running calls of C code may hold in a register. A thread that waits in a system call has its
// registers in the kernel, where no scan of memory finds them; a reference that a C function has
// taken for the time of its call then looks lost. Such a function has the object from its caller,
// so it lies near the innermost Python frame of its thread; or it has made it just now. And
// registers are few: of one type more objects than a thread has of them are no such case.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::analysis {

// An object with references that neither edges nor memory account for.
struct SurplusObject {
  model::ObjectGraph::Node node = 0;
  std::uint64_t surplus = 0;
  bool is_unknown = false;  // no edge leads to it, and no word of memory
};

class RunningCalls {
 public:
  explicit RunningCalls(const model::ObjectGraph& graph);

  // For each of all suspects of `graph`: whether a running call may hold it.
  std::vector<bool> MayHold(const model::ObjectGraph& graph,
                            std::span<const SurplusObject> suspects) const;

 private:
  using Thread = std::uint32_t;  // of those with a Python frame

  // `at` and what is a few steps from there.
  void AddNear(const model::ObjectGraph& graph, std::vector<model::ObjectGraph::Node> at,
               Thread thread);

  Thread threads_ = 0;
  std::unordered_map<model::ObjectGraph::Node, std::vector<Thread>> near_;
};

}  // namespace memwhy::analysis
