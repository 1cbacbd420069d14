// SPDX-License-Identifier: Apache-2.0
//
// What other settings of the allocator would have reserved for the recorded requests, by replay.
// The first row is the replay under the recording's own settings: how far it is from what was
// recorded says how far the others can be trusted. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/device/allocator_rules.h"
#include "analysis/device/device_timeline.h"
#include "model/device/snapshot.h"

namespace memwhy::analysis {

struct WhatIf {
  std::string setting;  // "" for the recording's own
  Bytes reserved = 0;   // at the end
  Bytes peak_reserved = 0;
  std::uint64_t device_calls = 0;
};

inline constexpr const char* kDefaultWhatIf[] = {
    "expandable_segments:True", "max_split_size_mb:128", "garbage_collection_threshold:0.8"};

// `gc_limit`: the device's memory; 0: unknown, then the highest that was reserved stands for it.
// Empty without events. An error names a setting that cannot be replayed.
Result<std::vector<WhatIf>> ReplayDevice(const model::DeviceSnapshot& snapshot, int device,
                                         const DeviceTimeline& timeline,
                                         const std::vector<std::string>& settings, Bytes gc_limit);

}  // namespace memwhy::analysis
