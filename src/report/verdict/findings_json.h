// SPDX-License-Identifier: Apache-2.0
//
// A verdict as memwhy.findings/1 (docs/formats/findings.md): every view of a verdict shows the same
// numbers. Unknown is null, never 0; bytes and counts are integers. Pure.
#pragma once

#include <span>
#include <vector>

#include "analysis/finding.h"
#include "model/ledger/ledger.h"
#include "model/recording.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

// One entry of `findings`.
Json FindingJson(const analysis::Finding& finding);
Json ChecksJson(const std::vector<analysis::Check>& checks);

Json FindingsJson(const model::Recording& recording, const analysis::Verdict& verdict,
                  std::span<const model::Ledger> ledgers);

}  // namespace memwhy::report
