// SPDX-License-Identifier: Apache-2.0
//
// Numbers of a metric as people see them: "1.46 GiB", "12.5". Pure.
#pragma once

#include <string>

#include "gate/plan/metric.h"

namespace memwhy::gate {

std::string AmountText(const Metric& metric, double amount);
// With a sign: "+10.2 KiB", "-1".
std::string DeltaText(const Metric& metric, double delta);
// "+53.7 %".
std::string PercentText(double percent);

}  // namespace memwhy::gate
