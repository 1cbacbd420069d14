// SPDX-License-Identifier: Apache-2.0
//
// rss and live bytes over time as one inline SVG with axes, and its table twin. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/sites/window_view.h"
#include "report/parts/rss_points.h"

namespace memwhy::report {

// "" when there is nothing to draw.
std::string TimeChartHtml(const std::vector<TimePoint>& rss, const model::WindowView& view);

}  // namespace memwhy::report
