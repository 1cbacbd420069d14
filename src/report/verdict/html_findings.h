// SPDX-License-Identifier: Apache-2.0
//
// Findings as cards and checks as a list. No finding, no card; what was checked is always said.
// Pure.
#pragma once

#include <string>

#include "analysis/finding.h"

namespace memwhy::report {

std::string FindingsHtml(const analysis::Verdict& verdict);
std::string ChecksHtml(const analysis::Verdict& verdict);

}  // namespace memwhy::report
