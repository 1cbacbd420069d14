// SPDX-License-Identifier: Apache-2.0
//
// A snapshot of PyTorch's caching allocator: text for a terminal of 80 columns, memwhy.snapshot/1
// (docs/formats/snapshot.md), and one HTML page with a map of the segments. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/device/device_summary.h"
#include "model/device/snapshot.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

struct SnapshotView {
  std::string file;
  const model::DeviceSnapshot& snapshot;
  const std::vector<analysis::DeviceSummary>& devices;
  std::size_t top = 20;  // blocks, lines and pins shown
};

std::string SnapshotText(const SnapshotView& view);
Json SnapshotJson(const SnapshotView& view);
std::string SnapshotHtml(const SnapshotView& view);

// "train.forward  train.py:31"; "unknown line".
std::string DeviceLineText(const model::DeviceSnapshot& snapshot,
                           const std::optional<model::FrameId>& frame);

}  // namespace memwhy::report
