// SPDX-License-Identifier: Apache-2.0
//
// In what two environments differ. Pure.
#pragma once

#include <string>
#include <vector>

#include "gate/measurement.h"

namespace memwhy::gate {

// "kernel: 6.1.0 in the baseline, 6.1.2 now"; one line for each part that differs and is not among
// `ignored` ("kernel", "libraries").
std::vector<std::string> Differences(const Fingerprint& baseline, const Fingerprint& candidate,
                                     const std::vector<std::string>& ignored);

}  // namespace memwhy::gate
