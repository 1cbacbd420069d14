// SPDX-License-Identifier: Apache-2.0
//
// rss of one process over time, for the views of a verdict. Pure.
#pragma once

#include <optional>
#include <vector>

#include "analysis/finding.h"
#include "base/bytes.h"
#include "model/recording.h"

namespace memwhy::report {

struct TimePoint {
  double time = 0;
  Bytes bytes = 0;
};

// At most `limit` points, evenly chosen.
std::vector<TimePoint> RssPoints(const model::Recording& recording, model::ProcessId process,
                                 std::size_t limit);

struct FirstAndLast {
  Bytes first = 0;
  Bytes last = 0;
};
// The first and the last sample of the verdict's process in its window.
std::optional<FirstAndLast> RssOverWindow(const model::Recording& recording,
                                          const analysis::Verdict& verdict);

}  // namespace memwhy::report
