// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/device_usage.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "analysis/application_frame.h"
#include "analysis/device/allocator_rules.h"

namespace memwhy::analysis {
namespace {

using model::BlockState;

std::span<const model::DeviceBlock> BlocksOf(const model::DeviceSnapshot& snapshot,
                                             const model::DeviceSegment& segment) {
  return std::span(snapshot.blocks).subspan(segment.first_block, segment.block_count);
}

// Whole pages of an expandable segment that lie in a free block: empty_cache unmaps them.
Bytes PagesIn(const model::DeviceSegment& segment, const model::DeviceBlock& block) {
  const Bytes page = segment.is_small ? kSmallSegment : kLargeSegment;
  const std::uint64_t begin = block.address - segment.address;
  const std::uint64_t first = (begin + page - 1) / page * page;
  const std::uint64_t last = (begin + block.size) / page * page;
  return last > first ? last - first : 0;
}

struct SegmentSums {
  Bytes free = 0;
  Bytes pages = 0;
  DevicePin pin;
  bool is_one_line = true;
  std::optional<model::FrameId> line;
};

SegmentSums SumSegment(const model::DeviceSnapshot& snapshot, const model::DeviceSegment& segment,
                       DeviceUsage* usage) {
  SegmentSums sums;
  std::uint32_t index = segment.first_block;
  for (const model::DeviceBlock& block : BlocksOf(snapshot, segment)) {
    if (block.state == BlockState::kInactive) {
      sums.free += block.size;
      if (segment.is_expandable) sums.pages += PagesIn(segment, block);
      usage->largest_free = std::max(usage->largest_free, block.size);
    } else {
      const auto line = LineOf(snapshot, block.stack);
      if (sums.pin.live_blocks == 0) sums.line = line;
      sums.is_one_line = sums.is_one_line && line == sums.line;
      const bool is_first = sums.pin.live_blocks == 0;
      if (is_first || block.size > snapshot.blocks[sums.pin.largest].size) sums.pin.largest = index;
      ++sums.pin.live_blocks;
      sums.pin.live += block.size;
      usage->active += block.size;
      if (block.state == BlockState::kActive) {
        usage->allocated += block.size;
        usage->requested += block.requested;
      } else {
        usage->pending += block.size;
      }
    }
    ++index;
  }
  return sums;
}

}  // namespace

std::optional<model::FrameId> LineOf(const model::DeviceSnapshot& snapshot, model::StackId stack) {
  return ApplicationFrame(snapshot.stacks, stack);
}

DeviceUsage MeasureDevice(const model::DeviceSnapshot& snapshot, int device) {
  DeviceUsage usage;
  std::map<std::optional<std::uint32_t>, PinLine> lines;
  for (std::uint32_t i = 0; i < snapshot.segments.size(); ++i) {
    const model::DeviceSegment& segment = snapshot.segments[i];
    if (segment.device != device) continue;
    ++usage.segments;
    usage.reserved += segment.size;
    SegmentSums sums = SumSegment(snapshot, segment, &usage);
    const bool is_private = segment.pool != model::PoolId{0, 0};
    Bytes kept = sums.free;
    if (is_private && (sums.pin.live_blocks == 0 || segment.is_expandable)) {
      usage.held_by_pools += sums.free;
    } else if (segment.is_expandable) {
      usage.releasable += sums.pages;
      kept -= sums.pages;
      usage.expandable_rest += kept;
    } else if (sums.pin.live_blocks == 0) {
      usage.releasable += sums.free;
    } else {
      usage.inactive_split += sums.free;
    }
    if (sums.pin.live_blocks == 0 || kept == 0) continue;
    sums.pin.segment = i;
    sums.pin.free = kept;
    usage.pins.push_back(sums.pin);
    if (!sums.is_one_line) continue;
    std::optional<std::uint32_t> key;
    if (sums.line) key = sums.line->value;
    PinLine& line = lines[key];
    line.frame = sums.line;
    line.free += kept;
    line.live += sums.pin.live;
    ++line.segments;
  }
  std::stable_sort(usage.pins.begin(), usage.pins.end(),
                   [](const DevicePin& a, const DevicePin& b) { return a.free > b.free; });
  for (const auto& [key, line] : lines) usage.by_line.push_back(line);
  std::stable_sort(usage.by_line.begin(), usage.by_line.end(),
                   [](const PinLine& a, const PinLine& b) { return a.free > b.free; });
  return usage;
}

std::vector<int> DevicesOf(const model::DeviceSnapshot& snapshot) {
  std::set<int> devices;
  for (const model::DeviceSegment& segment : snapshot.segments) devices.insert(segment.device);
  for (const model::DeviceTrace& trace : snapshot.traces) devices.insert(trace.device);
  return {devices.begin(), devices.end()};
}

}  // namespace memwhy::analysis
