// SPDX-License-Identifier: Apache-2.0
//
// What memwhy tf loads prints: memwhy.tf.loads/1, and text of 80 columns. Pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/heap/held_groups.h"
#include "model/tf_loads.h"

namespace memwhy::report {

// Who holds what the loads have left, at one moment.
struct HeldLook {
  struct Kind {
    std::string what;  // "graph"
    std::uint64_t count = 0;
    analysis::HeldObjects held;
  };
  std::string when;     // TfLook::when
  std::string trouble;  // why no path is known; ""
  std::vector<Kind> kinds;
};

struct ShownTfLoads {
  const model::TfLoads* loads = nullptr;  // has a load
  std::string target;                     // the command line
  std::vector<HeldLook> looks;
};

std::string TfLoadsText(const ShownTfLoads& shown);
// One line.
std::string TfLoadsJson(const ShownTfLoads& shown);

}  // namespace memwhy::report
