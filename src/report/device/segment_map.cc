// SPDX-License-Identifier: Apache-2.0
#include "report/device/segment_map.h"

#include <algorithm>
#include <cmath>

namespace memwhy::report {

std::vector<double> FillOf(const model::DeviceSnapshot& snapshot,
                           const model::DeviceSegment& segment, std::size_t cells) {
  std::vector<double> fill(cells);
  const double cell = static_cast<double>(segment.size) / static_cast<double>(cells);
  if (cell <= 0) return fill;
  double begin = 0;  // blocks lie one behind the other
  for (std::size_t i = 0; i < segment.block_count; ++i) {
    const model::DeviceBlock& block = snapshot.blocks[segment.first_block + i];
    const double end = begin + static_cast<double>(block.size);
    if (block.state != model::BlockState::kInactive) {
      for (auto k = static_cast<std::size_t>(begin / cell); k < cells; ++k) {
        const double from = std::max(begin, static_cast<double>(k) * cell);
        const double to = std::min(end, static_cast<double>(k + 1) * cell);
        if (to <= from) break;
        fill[k] = std::min(1.0, fill[k] + (to - from) / cell);
      }
    }
    begin = end;
  }
  return fill;
}

std::vector<const model::DeviceSegment*> SegmentsBySize(const model::DeviceSnapshot& snapshot,
                                                        int device) {
  std::vector<const model::DeviceSegment*> segments;
  for (const model::DeviceSegment& segment : snapshot.segments) {
    if (segment.device == device) segments.push_back(&segment);
  }
  std::sort(segments.begin(), segments.end(), [](const auto* a, const auto* b) {
    return a->size != b->size ? a->size > b->size : a->address < b->address;
  });
  return segments;
}

}  // namespace memwhy::report
