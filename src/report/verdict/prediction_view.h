// SPDX-License-Identifier: Apache-2.0
//
// What became of a verdict's predictions: text, and memwhy.predictions/1
// (docs/formats/findings.md). Pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/prediction_check.h"
#include "model/recording.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

std::string PredictionsText(const std::vector<analysis::PredictionCheck>& checks);

// `recording` made the predictions, `later` is what they are held against.
Json PredictionsJson(const model::Recording& recording, const model::Recording& later,
                     const std::vector<analysis::PredictionCheck>& checks);

}  // namespace memwhy::report
