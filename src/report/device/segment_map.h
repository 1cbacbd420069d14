// SPDX-License-Identifier: Apache-2.0
//
// How full each part of a segment is, for maps in text and HTML. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "model/device/snapshot.h"

namespace memwhy::report {

// The share (0 to 1) of each of `cells` equal parts that live blocks have.
std::vector<double> FillOf(const model::DeviceSnapshot& snapshot,
                           const model::DeviceSegment& segment, std::size_t cells);

// The segments of a device, largest first, then by address.
std::vector<const model::DeviceSegment*> SegmentsBySize(const model::DeviceSnapshot& snapshot,
                                                        int device);

}  // namespace memwhy::report
