// SPDX-License-Identifier: Apache-2.0
//
// What the course of a number of bytes looks like: the same growth per second is a leak as a line,
// a warm-up as a curve that levels off, and no growth at all as a sawtooth. Pure, deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"

namespace memwhy::analysis {

enum class GrowthShape : std::uint8_t {
  kUnknown,     // too few points
  kPlateau,     // nothing beyond the noise
  kLinear,      // grows evenly
  kStep,        // one rise, flat before and after
  kSaturating,  // grows less and less: a warm-up, a cache that fills
  kSawtooth,    // grows and falls back to the same floor
  kRatchet,     // stairs: several rises that never come back, or a sawtooth whose floor rises
  kFalling,
};
// As documents spell it: "linear".
const char* GrowthShapeName(GrowthShape shape);

struct ShapePoint {
  double time = 0;  // seconds, rising
  double bytes = 0;
};

struct GrowthCourse {
  GrowthShape shape = GrowthShape::kUnknown;
  double confidence = 0;        // 0 .. 1: how far the next best explanation is behind
  double bytes_per_second = 0;  // of what stays: of a ratchet the floor's, of a plateau 0
  double noise = 0;             // standard deviation around the course, bytes
};

GrowthCourse ClassifyGrowth(std::span<const ShapePoint> points);

// Seconds until `limit`, where the course says so: linear and ratchet only.
std::optional<double> SecondsToLimit(const GrowthCourse& course, double bytes_now, Bytes limit);

}  // namespace memwhy::analysis
