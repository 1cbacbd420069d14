// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth_shape.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace memwhy::analysis {
namespace {

constexpr std::size_t kMinPoints = 8;
// Below this nothing is said to grow: pages of the interpreter itself.
constexpr double kLeastRange = 256 * 1024;
constexpr double kStandsOut = 6;      // standard deviations of the noise
constexpr double kLargeDrop = 0.3;    // of the range
constexpr double kFloorRises = 0.25;  // of the range, over the floors
constexpr double kJumpShare = 0.8;    // of a rise, that lies in a few jumps: stairs

double MiddleValue(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct LineFit {
  double slope = 0;
  double at_zero = 0;
  double squares = 0;  // sum of squared residuals
};

// y = a + b x.
LineFit FitLine(std::span<const double> x, std::span<const double> y) {
  const double count = static_cast<double>(x.size());
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / count;
    mean_y += y[i] / count;
  }
  double xx = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  LineFit fit;
  fit.slope = xx > 0 ? xy / xx : 0;
  fit.at_zero = mean_y - fit.slope * mean_x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double rest = y[i] - fit.at_zero - fit.slope * x[i];
    fit.squares += rest * rest;
  }
  return fit;
}

class Course {
 public:
  explicit Course(std::span<const ShapePoint> points) {
    for (const ShapePoint& point : points) {
      times_.push_back(point.time - points.front().time);
      bytes_.push_back(point.bytes);
    }
    const auto [low, high] = std::minmax_element(bytes_.begin(), bytes_.end());
    range_ = *high - *low;
    // From differences of neighbours, which neither a slope nor a few jumps change.
    std::vector<double> steps;
    for (std::size_t i = 1; i < bytes_.size(); ++i) steps.push_back(bytes_[i] - bytes_[i - 1]);
    const double usual = MiddleValue(steps);
    std::vector<double> spread;
    for (const double step : steps) spread.push_back(std::abs(step - usual));
    noise_ = 1.4826 * MiddleValue(spread) / std::sqrt(2.0);
  }

  GrowthCourse Classify() {
    GrowthCourse course;
    const double span = times_.back();
    const LineFit line = FitLine(times_, bytes_);
    const double deviation = std::sqrt(line.squares / static_cast<double>(times_.size()));
    course.noise = noise_;
    if (IsPlateau(line)) {
      course.shape = GrowthShape::kPlateau;
      course.noise = deviation;
      course.confidence =
          Confidence(kLeastRange + kStandsOut * noise_, std::abs(line.slope) * span);
      return course;
    }
    if (Sawtooth(&course)) return course;
    if (line.slope < 0 && bytes_.back() < bytes_.front() - kStandsOut * noise_) {
      course.shape = GrowthShape::kFalling;
      course.bytes_per_second = line.slope;
      course.confidence = Confidence(-line.slope * span, deviation);
      return course;
    }
    if (Stairs(&course)) return course;
    const double saturating = BestSaturating();
    const double third = span / 3;
    const double early = SlopeIn(0, third);
    const double late = SlopeIn(2 * third, span);
    // Levelling off bends the course all over, and the end is much flatter than the start.
    if (saturating < 0.6 * line.squares && late < 0.4 * early) {
      course.shape = GrowthShape::kSaturating;
      course.bytes_per_second = late;
      course.confidence = Confidence(line.squares, saturating);
      return course;
    }
    course.shape = GrowthShape::kLinear;
    course.bytes_per_second = line.slope;
    course.noise = deviation;
    course.confidence = Confidence(line.slope * span, 2 * deviation);
    return course;
  }

 private:
  // 0.5 where both are alike, to 1.
  static double Confidence(double chosen, double other) {
    chosen = std::max(0.0, chosen);
    other = std::max(0.0, other);
    return chosen + other > 0 ? chosen / (chosen + other) : 0.5;
  }

  bool IsPlateau(const LineFit& line) const {
    const double count = static_cast<double>(times_.size());
    const double rise = std::abs(line.slope) * times_.back();
    if (range_ < kLeastRange) return true;
    // The standard error of the rise over the whole span, of independent noise.
    const double deviation = std::sqrt(line.squares / std::max(1.0, count - 2));
    const double error = deviation * std::sqrt(12 / count);
    const bool rises = rise > 4 * error && rise > kLeastRange;
    // The largest of many normal values is some deviations off.
    return !rises && range_ < (kStandsOut + 2) * std::max(noise_, 1.0);
  }

  double SlopeIn(double from, double to) const {
    std::vector<double> x;
    std::vector<double> y;
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (times_[i] < from || times_[i] > to) continue;
      x.push_back(times_[i]);
      y.push_back(bytes_[i]);
    }
    return x.size() < 2 ? 0 : FitLine(x, y).slope;
  }

  // Falls of a third of the range from a high to the low that follows, twice or more.
  bool Sawtooth(GrowthCourse* course) const {
    const double drop = std::max(kLargeDrop * range_, kStandsOut * noise_);
    std::vector<double> floor_times;
    std::vector<double> floors;
    double high = bytes_.front();
    std::size_t low_at = 0;
    bool is_falling = false;
    for (std::size_t i = 1; i < bytes_.size(); ++i) {
      if (!is_falling) {
        high = std::max(high, bytes_[i]);
        if (high - bytes_[i] >= drop) {
          is_falling = true;
          low_at = i;
        }
      } else if (bytes_[i] < bytes_[low_at]) {
        low_at = i;
      } else if (bytes_[i] - bytes_[low_at] >= drop / 2) {
        floor_times.push_back(times_[low_at]);
        floors.push_back(bytes_[low_at]);
        high = bytes_[i];
        is_falling = false;
      }
    }
    if (is_falling) {
      floor_times.push_back(times_[low_at]);
      floors.push_back(bytes_[low_at]);
    }
    if (floors.size() < 2) return false;
    const LineFit line = FitLine(floor_times, floors);
    const double rise = line.slope * (floor_times.back() - floor_times.front());
    const double deviation = std::sqrt(line.squares / static_cast<double>(floors.size()));
    const bool rises = floors.size() >= 3 && rise > kFloorRises * range_ && rise > 3 * deviation &&
                       rise > kStandsOut * noise_;
    course->shape = rises ? GrowthShape::kRatchet : GrowthShape::kSawtooth;
    course->bytes_per_second = rises ? line.slope : 0;
    course->confidence = rises ? Confidence(rise, 2 * deviation) : Confidence(drop, std::abs(rise));
    return true;
  }

  // A few jumps make up the whole rise.
  bool Stairs(GrowthCourse* course) const {
    const double least =
        std::max({kStandsOut * noise_ * std::sqrt(2.0), 0.1 * range_, kLeastRange / 4});
    double jumped = 0;
    std::size_t jumps = 0;
    bool was_jump = false;
    std::vector<double> jump_times;
    for (std::size_t i = 1; i < bytes_.size(); ++i) {
      const double step = bytes_[i] - bytes_[i - 1];
      const bool is_jump = step > least;
      if (is_jump) {
        jumped += step;
        // A jump may take two looks.
        if (!was_jump) {
          ++jumps;
          jump_times.push_back(times_[i]);
        }
      }
      was_jump = is_jump;
    }
    const double rise = bytes_.back() - bytes_.front();
    if (jumps == 0 || jumps > times_.size() / 4 || jumped < kJumpShare * rise) return false;
    course->confidence = Confidence(jumped, std::abs(rise - jumped));
    if (jumps == 1) {
      course->shape = GrowthShape::kStep;
      return true;
    }
    course->shape = GrowthShape::kRatchet;
    course->bytes_per_second = rise / times_.back();
    return true;
  }

  // The least sum of squares of a + b (1 - exp(-t / tau)).
  double BestSaturating() const {
    double best = INFINITY;
    std::vector<double> x(times_.size());
    for (double part = 0.03; part < 1; part *= 1.25) {
      const double tau = part * times_.back();
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1 - std::exp(-times_[i] / tau);
      const LineFit fit = FitLine(x, bytes_);
      if (fit.slope > 0) best = std::min(best, fit.squares);
    }
    return best;
  }

  std::vector<double> times_;
  std::vector<double> bytes_;
  double range_ = 0;
  double noise_ = 0;
};

}  // namespace

const char* GrowthShapeName(GrowthShape shape) {
  switch (shape) {
    case GrowthShape::kUnknown:
      return "unknown";
    case GrowthShape::kPlateau:
      return "plateau";
    case GrowthShape::kLinear:
      return "linear";
    case GrowthShape::kStep:
      return "step";
    case GrowthShape::kSaturating:
      return "saturating";
    case GrowthShape::kSawtooth:
      return "sawtooth";
    case GrowthShape::kRatchet:
      return "ratchet";
    case GrowthShape::kFalling:
      return "falling";
  }
  return "";
}

GrowthCourse ClassifyGrowth(std::span<const ShapePoint> points) {
  if (points.size() < kMinPoints || points.back().time <= points.front().time) return {};
  return Course(points).Classify();
}

std::optional<double> SecondsToLimit(const GrowthCourse& course, double bytes_now, Bytes limit) {
  const bool goes_on =
      course.shape == GrowthShape::kLinear || course.shape == GrowthShape::kRatchet;
  if (!goes_on || course.bytes_per_second <= 0) return std::nullopt;
  return std::max(0.0, (static_cast<double>(limit) - bytes_now) / course.bytes_per_second);
}

}  // namespace memwhy::analysis
