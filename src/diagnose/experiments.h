// SPDX-License-Identifier: Apache-2.0
//
// What the interventions of a session gave back: the rss ledger before each against the one after.
// Called for one process at a time.
#pragma once

#include <vector>

#include "analysis/experiment.h"
#include "base/result.h"
#include "model/ledger/ledger.h"
#include "model/sites/event_source.h"

namespace memwhy::diagnose {

// Those of the process that `source` is about. `ledgers`: of its window.
Result<std::vector<analysis::Experiment>> ReadExperiments(
    const model::EventSource& source, const std::vector<model::Ledger>& ledgers);

}  // namespace memwhy::diagnose
