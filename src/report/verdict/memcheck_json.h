// SPDX-License-Identifier: Apache-2.0
//
// What memcheck saw as memwhy.findings/1 (docs/formats/memcheck.md): no verdict, no ledgers. Pure.
#pragma once

#include "analysis/memcheck_findings.h"
#include "model/recording.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

Json MemcheckJson(const model::Recording& recording, const analysis::MemcheckVerdict& verdict);

}  // namespace memwhy::report
