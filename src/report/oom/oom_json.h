// SPDX-License-Identifier: Apache-2.0
//
// The document memwhy.oom/1: kills for lack of memory and, where they were asked for, the counters
// of a cgroup. Pure.
#pragma once

#include <optional>
#include <string>

#include "model/oom_counters.h"
#include "model/oom_log.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

// `source`: the file, "-", "/dev/kmsg"; "" when no log could be read.
Json OomDocument(const std::string& source, const model::OomLog& log,
                 const std::optional<model::OomCounters>& counters);

}  // namespace memwhy::report
