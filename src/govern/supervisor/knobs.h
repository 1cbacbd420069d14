// SPDX-License-Identifier: Apache-2.0
//
// Makes what the configuration names: samplers, actuators, remedies. Tokens come from the
// environment here, and nowhere else.
#pragma once

#include <memory>
#include <vector>

#include "govern/actuators/actuator.h"
#include "govern/actuators/program.h"
#include "govern/plan/govern_plan.h"
#include "govern/samplers/sampler.h"

namespace memwhy::govern {

// Error: a variable that holds no token.
Result<std::vector<NamedActuator>> MakeActuators(const GovernPlan& plan);
// `program` is asked whenever the process is needed.
Result<std::vector<std::unique_ptr<Remedy>>> MakeRemedies(const GovernPlan& plan,
                                                          const PidOf& program);
// Starts threads of metrics.
Result<std::vector<std::unique_ptr<Sampler>>> MakeSamplers(const GovernPlan& plan,
                                                           const FileSystem& fs,
                                                           const PidOf& program);

}  // namespace memwhy::govern
