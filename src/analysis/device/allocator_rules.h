// SPDX-License-Identifier: Apache-2.0
//
// How PyTorch's caching allocator rounds and groups requests (c10/cuda/CUDACachingAllocator, the
// same from torch 1.13 to 2.13), and the settings that change it (PYTORCH_CUDA_ALLOC_CONF). Pure.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace memwhy::analysis {

inline constexpr Bytes kDeviceGranule = 512;
inline constexpr Bytes kSmallRequest = Bytes{1} << 20;   // up to this: the small pool
inline constexpr Bytes kSmallSegment = Bytes{2} << 20;   // what the small pool takes at a time
inline constexpr Bytes kLargeSegment = Bytes{20} << 20;  // for requests below kOwnSegment
inline constexpr Bytes kOwnSegment = Bytes{10} << 20;    // from here on a segment for each request

struct AllocatorSettings {
  bool is_expandable = false;
  std::optional<Bytes> max_split_size;
  double gc_threshold = 0;  // of the limit; 0: off
  // roundup_power2_divisions for requests below 2 MiB, 4 MiB, ...; 0 and 1: off
  std::array<std::uint32_t, 16> divisions{};
};

// Of DeviceSnapshot::settings; what is not there is at its default.
AllocatorSettings SettingsOf(const std::map<std::string, std::string>& settings);

// "expandable_segments:True,max_split_size_mb:128" changes `settings`. An error names the part.
Result<void> ApplySetting(std::string_view text, AllocatorSettings* settings);

// The size of the block that a request gets.
Bytes RoundRequest(Bytes requested, const AllocatorSettings& settings);

// What a new segment has for a block of `size`.
Bytes SegmentSizeFor(Bytes size);

}  // namespace memwhy::analysis
