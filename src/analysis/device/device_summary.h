// SPDX-License-Identifier: Apache-2.0
//
// All that is said of one device of a snapshot, in one place for text, JSON and HTML. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/device/device_timeline.h"
#include "analysis/device/device_usage.h"
#include "analysis/device/what_if.h"
#include "base/result.h"
#include "model/device/snapshot.h"

namespace memwhy::analysis {

struct LineAmount {
  std::optional<model::FrameId> frame;  // nullopt: not recorded
  Bytes bytes = 0;
  std::uint64_t blocks = 0;
};

struct DeviceSummary {
  int device = 0;
  DeviceUsage usage;
  std::optional<DeviceTimeline> timeline;      // nullopt: no events
  std::vector<LineAmount> peak_lines;          // of what was live at the peak, most bytes first
  std::optional<std::vector<WhatIf>> what_if;  // nullopt: not replayed
};

struct SummaryOptions {
  std::vector<std::string> what_if;  // settings to replay
  // The settings above are replayed up to this many events; more take seconds each.
  std::size_t max_replayed_events = ~std::size_t{0};
  Bytes gc_limit = 0;
  std::size_t points = 240;
};

Result<std::vector<DeviceSummary>> SummarizeDevices(const model::DeviceSnapshot& snapshot,
                                                    const SummaryOptions& options);

}  // namespace memwhy::analysis
