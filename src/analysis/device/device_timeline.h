// SPDX-License-Identifier: Apache-2.0
//
// Allocated, active and reserved bytes over the events of one device, its peak, and what was live
// then. A trace keeps the newest events only: levels are absolute because the blocks at its end,
// which the snapshot lists, and the frees of blocks whose allocation is not in it, give what was
// there before. A block that ended before the snapshot counts as its request, rounded as the
// allocator rounds; one that is live at the end has the size that the snapshot says. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/device/allocator_rules.h"
#include "base/bytes.h"
#include "model/device/snapshot.h"

namespace memwhy::analysis {

struct DevicePoint {
  std::size_t event = 0;  // the last one in it
  std::optional<double> at;
  Bytes allocated = 0;  // the highest in it
  Bytes reserved = 0;
};

struct LiveDeviceBlock {
  std::uint64_t address = 0;
  Bytes bytes = 0;
  model::StackId stack = model::kUnknownStack;
  std::optional<std::size_t> event;  // its allocation; nullopt: before the first event
  bool is_live_at_end = false;
};

struct DeviceTimeline {
  std::size_t events = 0;
  std::optional<double> seconds;  // from the first event to the last
  Bytes peak = 0;                 // of allocated bytes
  std::size_t peak_event = 0;     // live after this one
  std::optional<double> peak_at;  // seconds from the first event
  Bytes peak_reserved = 0;
  std::vector<LiveDeviceBlock> at_peak;  // largest first; their sum is `peak`
  std::vector<LiveDeviceBlock> before;   // what was there before the first event, by address
  std::vector<DevicePoint> points;
  std::uint64_t out_of_memory = 0;
  // Live by the events, but no live block of the snapshot: the recording had stopped before.
  std::uint64_t not_in_snapshot = 0;
  std::uint64_t alloc_on_live = 0;  // allocations where a block was live: events are missing
};

// `points`: how many at most. nullopt: there are no events of the device.
std::optional<DeviceTimeline> FollowDevice(const model::DeviceSnapshot& snapshot, int device,
                                           const AllocatorSettings& settings, std::size_t points);

}  // namespace memwhy::analysis
