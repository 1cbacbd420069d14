// SPDX-License-Identifier: Apache-2.0
//
// The ledger as a table with bars, start against end, the unattributed rest always drawn and
// hatched. Pure.
#pragma once

#include <string>

#include "report/ledger/ledger_rows.h"

namespace memwhy::report {

std::string LedgerHtml(const LedgerTable& table);

}  // namespace memwhy::report
