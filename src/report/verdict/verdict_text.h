// SPDX-License-Identifier: Apache-2.0
//
// The verdict as the first screen of a terminal, 80 columns: the answer, the first finding with its
// line, its holder and its rate, then where rss lies, what was checked, and what to do next. Plain
// text without colours; unknown is printed as unknown. Pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/finding.h"
#include "model/ledger/ledger.h"
#include "model/recording.h"

namespace memwhy::report {

std::string VerdictText(const model::Recording& recording, const analysis::Verdict& verdict,
                        const std::vector<model::Ledger>& ledgers);

}  // namespace memwhy::report
