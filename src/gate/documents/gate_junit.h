// SPDX-License-Identifier: Apache-2.0
//
// What a gate says as JUnit XML, as Jenkins, GitLab and others read it: a suite for each workload,
// a case for each bound. A broken budget is a failure, what cannot be decided is skipped. Valid by
// the schema of Apache Ant, which is the strictest. Pure.
#pragma once

#include <string>

#include "gate/judge/result.h"

namespace memwhy::gate {

std::string GateJunit(const GateResult& result);

// Text for XML 1.0, in elements and quoted attributes: no character that XML does not allow.
std::string XmlText(std::string_view text);

}  // namespace memwhy::gate
