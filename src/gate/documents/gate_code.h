// SPDX-License-Identifier: Apache-2.0
//
// Broken budgets where a code host shows them at a line: SARIF 2.1.0, GitLab's code quality, GitHub
// annotations. The line is the innermost one of the program itself that took more; without one it
// is the plan. Pure.
#pragma once

#include <string>

#include "gate/judge/result.h"

namespace memwhy::gate {

std::string GateSarif(const GateResult& result);

// An array of issues, as GitLab's artifact report codequality takes it.
std::string GateCodeQuality(const GateResult& result);

// Workflow commands, one a line: "::error file=app.py,line=12,title=...::...". 10 at most, as many
// as GitHub shows for a step.
std::string GateAnnotations(const GateResult& result);

}  // namespace memwhy::gate
