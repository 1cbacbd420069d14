// SPDX-License-Identifier: Apache-2.0
//
// A recorded session turned into everything that the views of its verdict print. Live and replayed
// sessions take this same road. No state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/finding.h"
#include "analysis/heap/holders.h"
#include "base/result.h"
#include "model/ledger/ledger.h"
#include "model/sites/event_source.h"
#include "model/sites/window_view.h"

namespace memwhy::diagnose {

struct Window {
  std::optional<double> from;  // nullopt: behind the first third of what was watched
  std::optional<double> to;    // nullopt: the end of what was watched
};

struct SessionDiagnosis {
  model::WindowView view;
  std::vector<model::Ledger> ledgers;
  std::optional<analysis::HolderReport> holders;  // nullopt: no heap graph was taken
  analysis::Verdict verdict;
};

Result<SessionDiagnosis> DiagnoseSession(const model::EventSource& source, const Window& window);

// "" or why nothing can be said about this session at all: no process was recorded.
std::string WhyNothingRecorded(const model::Recording& recording);

// The window of a diagnosis of `recording`.
model::WindowOptions ChooseWindow(const model::Recording& recording, const Window& window);

}  // namespace memwhy::diagnose
