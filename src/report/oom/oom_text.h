// SPDX-License-Identifier: Apache-2.0
//
// Kills for lack of memory for a terminal of 80 columns: who was killed, by whom and why, who else
// held memory, and what to do. Pure.
#pragma once

#include <optional>
#include <string>

#include "model/oom_counters.h"
#include "model/oom_log.h"

namespace memwhy::report {

// `top`: other processes shown of each kill. `source` as in oom_json.h.
std::string OomText(const std::string& source, const model::OomLog& log,
                    const std::optional<model::OomCounters>& counters, std::size_t top);

}  // namespace memwhy::report
