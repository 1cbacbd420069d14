// SPDX-License-Identifier: Apache-2.0
//
// Reads loads.json of python/memwhy/_tf_loads.py. The program under test could have written it, so
// every member is checked; an error says which one is wrong. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/tf_loads.h"

namespace memwhy::probes {

Result<model::TfLoads> ReadTfLoads(std::string_view text);

}  // namespace memwhy::probes
