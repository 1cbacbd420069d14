// SPDX-License-Identifier: Apache-2.0
//
// What a gate says as one static page without script, readable in an e-mail: verdict, table of
// budgets, waterfall of the heap and a flame graph of its change, how to repeat it. Pure.
#pragma once

#include <string>

#include "gate/judge/result.h"

namespace memwhy::gate {

std::string GateHtml(const GateResult& result);

}  // namespace memwhy::gate
