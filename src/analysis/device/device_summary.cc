// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/device_summary.h"

#include <algorithm>
#include <map>
#include <utility>

namespace memwhy::analysis {
namespace {

std::vector<LineAmount> ByLine(const model::DeviceSnapshot& snapshot,
                               const std::vector<LiveDeviceBlock>& blocks) {
  std::map<std::uint32_t, std::optional<model::FrameId>> lines;  // by stack
  std::map<std::optional<std::uint32_t>, LineAmount> amounts;
  for (const LiveDeviceBlock& block : blocks) {
    const auto [it, is_new] = lines.try_emplace(block.stack.value);
    if (is_new) it->second = LineOf(snapshot, block.stack);
    std::optional<std::uint32_t> key;
    if (it->second) key = it->second->value;
    LineAmount& amount = amounts[key];
    amount.frame = it->second;
    amount.bytes += block.bytes;
    ++amount.blocks;
  }
  std::vector<LineAmount> sorted;
  for (const auto& [key, amount] : amounts) sorted.push_back(amount);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const LineAmount& a, const LineAmount& b) { return a.bytes > b.bytes; });
  return sorted;
}

}  // namespace

Result<std::vector<DeviceSummary>> SummarizeDevices(const model::DeviceSnapshot& snapshot,
                                                    const SummaryOptions& options) {
  const AllocatorSettings settings = SettingsOf(snapshot.settings);
  std::vector<DeviceSummary> devices;
  for (const int device : DevicesOf(snapshot)) {
    DeviceSummary summary;
    summary.device = device;
    summary.usage = MeasureDevice(snapshot, device);
    summary.timeline = FollowDevice(snapshot, device, settings, options.points);
    if (summary.timeline) {
      summary.peak_lines = ByLine(snapshot, summary.timeline->at_peak);
      if (summary.timeline->events <= options.max_replayed_events) {
        MEMWHY_TRY(summary.what_if, ReplayDevice(snapshot, device, *summary.timeline,
                                                 options.what_if, options.gc_limit));
      }
    }
    devices.push_back(std::move(summary));
  }
  return devices;
}

}  // namespace memwhy::analysis
