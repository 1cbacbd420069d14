// SPDX-License-Identifier: Apache-2.0
//
// Ledgers as findings.md and memwhy.ledger/1 print them. Pure.
#pragma once

#include <span>

#include "model/ledger/ledger.h"
#include "model/recording.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

Json LedgerJson(const model::Ledger& ledger);
Json LedgersJson(std::span<const model::Ledger> ledgers);

// The whole document memwhy.ledger/1. `session` is SessionJson, or what a live look knows.
Json LedgerDocument(Json session, std::span<const model::Ledger> ledgers);

}  // namespace memwhy::report
