// SPDX-License-Identifier: Apache-2.0
//
// What a gate says in a chat and to an alert manager. Names of workloads and stacks stay text:
// nothing in them can mention a person or make a link. Pure.
#pragma once

#include <string>

#include "gate/judge/result.h"

namespace memwhy::gate {

// For a Slack incoming webhook: at most 12 lines, `text` for notifications and `blocks`.
std::string SlackMessage(const GateResult& result);

// For POST /api/v2/alerts of Alertmanager: one alert for each bound of each workload that has ever
// anything to say; one that holds is resolved, by an end that is now. Labels have few values each.
std::string AlertmanagerAlerts(const GateResult& result);

}  // namespace memwhy::gate
