// SPDX-License-Identifier: Apache-2.0
//
// How full the segments of one device are, what could be given back, and who prevents the rest: the
// state at the end of a snapshot. Invariant: reserved = active + inactive_split + releasable +
// held_by_pools + expandable_rest, to the byte, where blocks add up to their segments. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "model/device/snapshot.h"

namespace memwhy::analysis {

// A segment that live blocks keep from being given back.
struct DevicePin {
  std::uint32_t segment = 0;
  Bytes free = 0;  // in it, that cannot be given back
  Bytes live = 0;
  std::uint32_t live_blocks = 0;
  std::uint32_t largest = 0;  // the largest live block
};

// Pins whose live blocks all come from one line.
struct PinLine {
  std::optional<model::FrameId> frame;  // nullopt: not recorded
  Bytes free = 0;
  Bytes live = 0;
  std::uint32_t segments = 0;
};

struct DeviceUsage {
  Bytes reserved = 0;
  Bytes active = 0;           // blocks that cannot be handed out: allocated and pending
  Bytes allocated = 0;        // of tensors
  Bytes pending = 0;          // freed, but another stream may use it
  Bytes requested = 0;        // of what is allocated
  Bytes inactive_split = 0;   // free, in segments that are in use (torch's counter)
  Bytes releasable = 0;       // empty_cache would give it back
  Bytes held_by_pools = 0;    // free segments of private pools: given back with their pool
  Bytes expandable_rest = 0;  // free, in pages of expandable segments that are in use
  Bytes largest_free = 0;
  std::uint32_t segments = 0;
  std::vector<DevicePin> pins;   // most free bytes first
  std::vector<PinLine> by_line;  // most free bytes first

  Bytes rounding() const { return allocated - requested; }
  Bytes free() const { return reserved - active; }
};

// The line that a person can change: the application's innermost frame.
std::optional<model::FrameId> LineOf(const model::DeviceSnapshot& snapshot, model::StackId stack);

DeviceUsage MeasureDevice(const model::DeviceSnapshot& snapshot, int device);

// All that the snapshot knows, ascending.
std::vector<int> DevicesOf(const model::DeviceSnapshot& snapshot);

}  // namespace memwhy::analysis
