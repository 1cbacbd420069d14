// SPDX-License-Identifier: Apache-2.0
//
// Joins the survivors of a window with heap dumps of the same process: who holds them?
// The survivors' places in the graph vote: those whose paths agree but for keys and indexes are one
// group, and the deepest node above all of the largest group is the holder. Pure.
#pragma once

#include <vector>

#include "analysis/heap/holders.h"
#include "model/heap/object_graph.h"
#include "model/sites/births.h"
#include "model/sites/window_view.h"

namespace memwhy::analysis {

struct HolderOptions {
  std::size_t stacks = 64;              // stacks looked up, largest survivors first
  std::size_t types = 32;               // types looked up, largest growth first
  std::size_t objects_per_type = 2000;  // new objects looked up for each type
};

struct HolderInput {
  const model::ObjectGraph* before = nullptr;  // null: no type growth is reported
  const model::ObjectGraph* last = nullptr;    // taken at the end of the window
  double seconds_between = 0;
  model::ProcessId process;  // the dumps' process; other processes' stacks are left out
  const model::WindowView* view = nullptr;
  const model::Births* births = nullptr;  // of what lived when `last` was taken; or null
  double object_seconds = 0;  // before `last`, since which small objects are recorded; 0: none
};
HolderReport FindHolders(const HolderInput& input, const HolderOptions& options = {});

}  // namespace memwhy::analysis
