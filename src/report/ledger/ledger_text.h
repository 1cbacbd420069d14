// SPDX-License-Identifier: Apache-2.0
//
// One account for a terminal of 80 columns: its shares at the start and the end with the change,
// the signed remainder and the total. Pure.
#pragma once

#include <string>

#include "report/ledger/ledger_rows.h"

namespace memwhy::report {

std::string LedgerText(const LedgerTable& table, const std::string& title);

}  // namespace memwhy::report
