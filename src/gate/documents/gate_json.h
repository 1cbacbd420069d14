// SPDX-License-Identifier: Apache-2.0
//
// memwhy.gate/1 (docs/formats/gate.md). Pure.
#pragma once

#include "gate/judge/result.h"
#include "report/parts/session_json.h"

namespace memwhy::gate {

report::Json GateJson(const GateResult& result);

}  // namespace memwhy::gate
