// SPDX-License-Identifier: Apache-2.0
//
// How live and allocated blocks spread over sizes, by powers of two. Pure.
#pragma once

#include <string>

#include "model/sites/stats.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

// [{"from": bytes, "to": last size of the class, "live": {}, "allocated": {}}]; empty classes are
// left out.
Json SizesJson(const model::Stats& stats);
// A table of 80 columns; the bar is the share of live bytes.
std::string SizeHistogramText(const model::Stats& stats);

}  // namespace memwhy::report
