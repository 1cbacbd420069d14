// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/allocator_rules.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "base/strings.h"

namespace memwhy::analysis {
namespace {

bool IsTrue(std::string_view text) { return ToLower(text) == "true" || text == "1"; }

Bytes RoundUp(Bytes size, Bytes granule) { return (size + granule - 1) / granule * granule; }

// The interval of roundup_power2_divisions: 0 below 2 MiB, 1 below 4 MiB ... 15 from 32 GiB on.
std::size_t IntervalOf(Bytes size) {
  const int log = 63 - std::countl_zero(size);
  return static_cast<std::size_t>(std::clamp(log - 20, 0, 15));
}

std::optional<double> Fraction(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0' || !(value >= 0 && value < 1)) return std::nullopt;
  return value;
}

}  // namespace

AllocatorSettings SettingsOf(const std::map<std::string, std::string>& settings) {
  AllocatorSettings result;
  for (const auto& [name, value] : settings) {
    if (name == "expandable_segments") result.is_expandable = IsTrue(value);
    if (name == "max_split_size") {  // bytes; -1: none
      if (const auto size = ParseUint(value)) result.max_split_size = *size;
    }
    if (name == "garbage_collection_threshold") result.gc_threshold = Fraction(value).value_or(0);
    std::string_view interval = name;
    if (ConsumePrefix(interval, "roundup_power2_divisions.")) {
      const auto megabytes = ParseUint(interval);
      const auto divisions = ParseUint(value);
      if (megabytes && divisions && *megabytes > 0 && *megabytes < (1u << 16)) {
        result.divisions[static_cast<std::size_t>(std::bit_width(*megabytes)) - 1] =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(*divisions, 64));
      }
    }
  }
  return result;
}

Result<void> ApplySetting(std::string_view text, AllocatorSettings* settings) {
  for (const std::string_view part : Split(text, ',')) {
    const std::size_t colon = part.find(':');
    const std::string_view name = Trim(part.substr(0, colon));
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : Trim(part.substr(colon + 1));
    if (name == "expandable_segments" && !value.empty()) {
      settings->is_expandable = IsTrue(value);
    } else if (const auto size = ParseUint(value);
               name == "max_split_size_mb" && size && *size > 20 && *size < (Bytes{1} << 26)) {
      settings->max_split_size = *size << 20;
    } else if (const auto share = Fraction(value);
               name == "garbage_collection_threshold" && share && *share > 0) {
      settings->gc_threshold = *share;
    } else if (name == "roundup_power2_divisions" && size && std::has_single_bit(*size) &&
               *size <= 64) {
      settings->divisions.fill(static_cast<std::uint32_t>(*size));
    } else {
      return Error::Of(
          "\"{}\" is no setting that can be replayed; these can: expandable_segments:True, "
          "max_split_size_mb:N (more than 20), garbage_collection_threshold:0.N, "
          "roundup_power2_divisions:N (a power of 2)",
          part);
    }
  }
  return {};
}

Bytes RoundRequest(Bytes requested, const AllocatorSettings& settings) {
  if (requested < kDeviceGranule) return kDeviceGranule;
  const std::uint32_t divisions = settings.divisions[IntervalOf(requested)];
  if (divisions <= 1 || requested <= kDeviceGranule * divisions) {
    return RoundUp(requested, kDeviceGranule);
  }
  if (std::has_single_bit(requested)) return requested;
  const Bytes floor = std::bit_floor(requested);
  const Bytes step = floor >> (std::bit_width(divisions) - 1);
  return step == 0 ? floor << 1 : RoundUp(requested, std::bit_floor(step));
}

Bytes SegmentSizeFor(Bytes size) {
  if (size <= kSmallRequest) return kSmallSegment;
  if (size < kOwnSegment) return kLargeSegment;
  return RoundUp(size, kSmallSegment);
}

}  // namespace memwhy::analysis
