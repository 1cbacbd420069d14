// SPDX-License-Identifier: Apache-2.0
//
// Runs the workloads of a plan and collects their samples. With two sides the runs alternate, so
// that what else the machine does meets both. Files of the runs lie in a folder of their own, gone
// at the end. One thread, one at a time (signals).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gate/measurement.h"
#include "gate/plan/plan.h"

namespace memwhy::gate {

// Where the workloads run, instead of where the plan says.
struct Side {
  std::string directory;    // in place of the plan's folder; "" as the plan says
  std::string environment;  // a Python virtual environment; "" none
};

struct MeasureOptions {
  std::vector<Side> sides = {Side{}};
  std::function<void(std::string_view)> say;  // progress, one line without its end
};

// One measurement for each side. An error: a workload could not be run, or failed.
Result<std::vector<Measurement>> Measure(const Plan& plan, const MeasureOptions& options);

// Exact metrics are counted in so many processes: a growth must be there in both.
inline constexpr int kRecordings = 2;

}  // namespace memwhy::gate
